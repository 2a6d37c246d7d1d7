"""What a forked process does to itself: its birth, its signals, its end."""
