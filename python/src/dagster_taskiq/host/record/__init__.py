"""Reads and writes Dagster's records: runs, plans, and the event log."""
