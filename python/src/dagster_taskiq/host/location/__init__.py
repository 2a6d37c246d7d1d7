"""The location host: imports one code location and forks its steps."""
