"""What a forked process does to itself, from its birth to its exit."""
