"""What `runs_a_program` runs, in a process that knows nothing of Dagster but its Pipes."""

from dagster_pipes import open_dagster_pipes

if __name__ == "__main__":
    with open_dagster_pipes() as pipes:
        pipes.log.info("factor %s", pipes.get_extra("factor"))
        pipes.log.warning("it rains")
        pipes.report_custom_message({"rain": 3})
        print("printed by the program")  # noqa: T201
