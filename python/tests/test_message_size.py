"""Messages do not grow with their run: a step's carries what that step reads, and no more."""

from functools import cache

import pytest
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._serdes import serialize_value

from dagster_taskiq.enqueue import MAX_MESSAGE_BYTES
from dagster_taskiq.envelope import encode_known_state
from dagster_taskiq.known_state import for_step
from jobs import splits

Fan = tuple[ExecutionPlan, KnownExecutionState]


@cache
def fan_out(width: int) -> Fan:
    """Make the plan and the known state of a run of `splits` of which all but the collects ran."""
    keys = {"left": [f"left_{n}" for n in range(width)], "right": ["right_0"]}
    mapped = [
        f"double_then_pass.{name}[{key}]" for name in ("doubled", "pass_on") for key in keys["left"]
    ]
    state = KnownExecutionState(
        previous_retry_attempts=dict.fromkeys(mapped, 1),
        dynamic_mappings={"split": keys},
        ready_outputs={
            *(StepOutputHandle("split", name, key) for name in keys for key in keys[name]),
            *(StepOutputHandle(step) for step in mapped),
            StepOutputHandle("mapped_right[right_0]"),
        },
    )
    config = {"ops": {"split": {"config": {"left": width, "right": 1}}}}
    config["ops"]["compare_counts"] = config["ops"]["split"]
    return create_execution_plan(splits, config, known_state=state), state


def carried(width: int, step_key: str) -> str:
    plan, state = fan_out(width)
    return serialize_value(for_step(state, plan, step_key))


@pytest.mark.parametrize(
    "step_key",
    [
        "double_then_pass.doubled[left_1]",
        "double_then_pass.pass_on[left_1]",
        "mapped_right[right_0]",
        "count_right",
        "compare_counts",
    ],
)
def test_the_width_of_a_fan_out_does_not_show_in_other_messages(step_key: str) -> None:
    assert carried(1000, step_key) == carried(3, step_key)


def test_a_collect_names_what_it_loads_and_is_packed() -> None:
    plain = carried(1000, "count_left")
    assert plain.count("StepOutputHandle") == 1000
    # Its own inputs, once as mapping keys and once as outputs: no other step of the thousands.
    assert "doubled" not in plain
    assert "right_0" not in plain
    packed = encode_known_state(plain)
    assert packed.startswith("z:")
    assert len(packed) < len(plain) / 10
    assert len(packed) < MAX_MESSAGE_BYTES / 50
