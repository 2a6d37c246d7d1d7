"""What is imported, by which process, and for which runs."""
