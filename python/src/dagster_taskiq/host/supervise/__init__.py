"""Forks processes, limits them, reads their frames, and reaps them."""
