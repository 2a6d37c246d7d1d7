from dagster import job, op


@op
def greet():
    return "hello"


@job
def one_success():
    greet()
