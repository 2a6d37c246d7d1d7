"""The process that reads and writes Dagster's storage for all steps of a host."""
