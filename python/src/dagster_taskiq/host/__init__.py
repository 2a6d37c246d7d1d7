"""The step host: imports Dagster and the code locations once, then forks one process per step."""
