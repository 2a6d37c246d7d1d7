"""Code whose import leaves behind what a fork breaks runs its steps in fresh interpreters."""

from __future__ import annotations

import random

import numpy as np
import pytest
from orders import job_at, run_order
from worker_double import CODE


@pytest.fixture
def says(create_run, tmp_path):
    """Return a function that runs a step which says whether its process imported its code."""

    def says(worker, tags):
        file = tmp_path / "said"
        recon = job_at("unforkable", "says_who_imported")
        run = create_run("says_who_imported", config={"file": str(file)}, recon=recon)
        order = worker.start("run", **run_order(run, "says_who_imported", tags=tags))
        assert worker.outcome(order)["kind"] == "success"
        return file.read_text()

    return says


def test_an_unforkable_location_says_why_and_a_tag_overrides_it(start_worker, says):
    worker = start_worker("-m", "unforkable", "-d", str(CODE), fresh=True)
    [location] = worker.await_frame("ready")["locations"]
    assert location == {"name": "unforkable", "error": None, "unforkable": ["thread pool_0"]}
    assert says(worker, {}) == "spawned"
    assert says(worker, {"taskiq/isolation": "fork"}) == "forked"


def test_a_location_that_a_run_names_reports_later_why_forks_would_break(start_worker, says):
    worker = start_worker()
    assert worker.await_frame("ready")["locations"] == []
    assert says(worker, {}) == "spawned"
    assert worker.await_frame("location")["unforkable"] == ["thread pool_0"]


def test_each_fork_draws_numbers_of_its_own_and_those_of_a_seed(worker, create_run, tmp_path):
    numbers = tmp_path / "numbers"
    for _ in range(3):
        run = create_run("draws", config={"file": str(numbers)}, recon=job_at("draws", "draws"))
        assert worker.outcome(worker.start("run", **run_order(run, "draws")))["kind"] == "success"
    drawn = [map(float, line.split()) for line in numbers.read_text().splitlines()]
    columns = [set(column) for column in zip(*drawn, strict=True)]
    assert [len(column) for column in columns[:5]] == [3] * 5
    assert columns[5:] == [
        {random.Random(7).random()},
        {random.Random(7).random()},
        {np.random.default_rng(7).random()},
        {np.random.RandomState(7).random_sample()},
    ]
