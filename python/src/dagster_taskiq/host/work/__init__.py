"""The kinds of work that a process is forked for."""
