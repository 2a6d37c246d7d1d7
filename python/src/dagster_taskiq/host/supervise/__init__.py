"""Forks processes, limits them, hears them, and reaps them."""
