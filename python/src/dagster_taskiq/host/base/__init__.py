"""The base: takes the worker's orders and passes them to location hosts."""
