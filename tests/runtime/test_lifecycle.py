"""Lives driven by hand: no loop, no clock, no database."""

from collections.abc import Callable
from random import Random
from typing import Any

from segue import states
from segue.exceptions import InvalidWork
from segue.lifecycle import (
    Ask,
    Fire,
    Invoke,
    Life,
    Lookup,
    Plan,
    Ready,
    Record,
    Say,
    Sleep,
    TakeSlots,
    TimeLimitReached,
    flow_life,
    task_life,
)
from segue.options import FlowOptions, TaskOptions
from segue.retries import retry_policy


def plan(retries: int = 0, delay: Any = None, **more: Any) -> Plan:
    return Plan(now=lambda: 1_000_000, random=Random(1), retries=retry_policy(retries, delay), **more)


def play(life: Life, answer: Callable[[Any], Any]) -> tuple[list[Any], Any]:
    """Answer every command with what `answer` returns (an exception is thrown in); return commands and outcome."""
    commands: list[Any] = []
    reply: Any = None
    while True:
        try:
            command = life.throw(reply) if isinstance(reply, BaseException) else life.send(reply)
        except StopIteration as end:
            return commands, end.value
        commands.append(command)
        reply = answer(command)


def names(commands: list[Any]) -> list[str]:
    return [command.state.name for command in commands if isinstance(command, Record)]


def failing(*errors: BaseException | None) -> Callable[[Any], Any]:
    """Fail the attempts with these errors, in turn; None is a success with the value 7."""
    left = list(errors)

    def answer(command: Any) -> Any:
        if isinstance(command, Invoke):
            return left.pop(0) or 7
        return True if isinstance(command, Ask) else None

    return answer


def test_a_task_run_is_running_and_then_completed() -> None:
    commands, state = play(task_life(TaskOptions(), plan()), failing(None))
    assert names(commands) == ["Running", "Completed"]
    assert state.data == 7


def test_an_exception_fails_the_run_and_says_so() -> None:
    commands, state = play(task_life(TaskOptions(), plan()), failing(ValueError("x")))
    assert names(commands) == ["Running", "Failed"]
    assert state.message == "Task run encountered an exception ValueError: x"
    assert isinstance(state.data, ValueError)


def test_a_retry_without_delay_goes_straight_to_retrying() -> None:
    commands, _ = play(task_life(TaskOptions(), plan(1)), failing(OSError(), None))
    assert names(commands) == ["Running", "Retrying", "Completed"]
    assert not [command for command in commands if isinstance(command, Sleep)]


def test_delays_are_slept_and_announced_with_their_instant() -> None:
    commands, _ = play(task_life(TaskOptions(), plan(2, [1, 60])), failing(OSError(), OSError(), OSError()))
    assert names(commands) == ["Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Failed"]
    assert [command.seconds for command in commands if isinstance(command, Sleep)] == [1, 60]
    waiting = next(
        command.state for command in commands if isinstance(command, Record) and command.state.is_scheduled()
    )
    assert waiting.details.scheduled_time.timestamp() == 2.0


def test_exhausted_retries_are_said() -> None:
    commands, _ = play(task_life(TaskOptions(), plan(1)), failing(OSError("no"), OSError("no")))
    assert [command.text for command in commands if isinstance(command, Say)] == [
        "Task run failed with exception: OSError('no') - Retry 1/1 will start immediately",
        "Task run failed with exception: OSError('no') - Retries are exhausted",
    ]


def test_a_condition_can_refuse_the_retry() -> None:
    options = TaskOptions(retry_condition_fn=lambda *_: False)
    answer = failing(OSError(), None)
    commands, state = play(
        task_life(options, plan(3)), lambda command: False if isinstance(command, Ask) else answer(command)
    )
    assert names(commands) == ["Running", "Failed"]
    assert state.is_failed()


def test_a_crash_is_never_retried() -> None:
    commands, state = play(task_life(TaskOptions(), plan(3)), failing(KeyboardInterrupt()))
    assert names(commands) == ["Running", "Crashed"]
    assert state.message == "Execution was aborted by an interrupt signal."


def test_what_a_generator_has_yielded_is_not_repeated() -> None:
    def answer(command: Any) -> Any:
        if isinstance(command, Invoke):
            command.streamed = True
            return OSError()
        return None

    commands, _ = play(task_life(TaskOptions(), plan(3)), answer)
    assert names(commands) == ["Running", "Failed"]


def test_a_time_limit_is_a_failure_named_timed_out_and_is_retried() -> None:
    options = TaskOptions(timeout_seconds=0.2)
    commands, state = play(task_life(options, plan(1)), failing(TimeLimitReached(), TimeLimitReached()))
    assert names(commands) == ["Running", "Retrying", "TimedOut"]
    assert state.message == "Task run exceeded timeout of 0.2 second(s)"


def test_a_run_whose_upstream_failed_is_not_ready_and_calls_nothing() -> None:
    life = task_life(TaskOptions(), plan(depends=True))
    commands, state = play(life, lambda command: "Upstream …" if isinstance(command, Ready) else None)
    assert names(commands) == ["NotReady"]
    assert state.is_pending()


def test_a_cached_result_is_used_instead_of_a_call() -> None:
    cached = states.Completed(name="Cached", data=3)
    life = task_life(TaskOptions(), plan(cache_key=lambda: "key"))
    commands, state = play(life, lambda command: cached if isinstance(command, Lookup) else None)
    assert names(commands) == ["Running", "Cached"]
    assert state.data == 3


def test_a_refreshed_cache_is_not_looked_at() -> None:
    life = task_life(TaskOptions(), plan(cache_key=lambda: "key", refresh_cache=True))
    commands, _ = play(life, failing(None))
    assert not [command for command in commands if isinstance(command, Lookup)]


def test_hooks_fire_after_their_state_is_recorded() -> None:
    def hook() -> None: ...

    options = TaskOptions(on_running=(hook,), on_failure=(hook,))
    commands, _ = play(task_life(options, plan(1)), failing(OSError(), OSError()))
    told = [
        command.state.name if isinstance(command, Record) else f"hook on {command.state.name}"
        for command in commands
        if isinstance(command, (Record, Fire))
    ]
    assert told == ["Running", "hook on Running", "Retrying", "hook on Retrying", "Failed", "hook on Failed"]


def test_a_returned_state_is_the_final_state() -> None:
    mine = states.Failed(message="mine")
    _, state = play(
        flow_life(FlowOptions(), plan(), None), lambda command: mine if isinstance(command, Invoke) else None
    )
    assert (state.name, state.message) == ("Failed", "mine")


def test_a_flow_retry_waits_even_for_no_time_and_then_runs_again() -> None:
    commands, _ = play(flow_life(FlowOptions(), plan(1), None), failing(ValueError("f"), None))
    assert names(commands) == ["Running", "AwaitingRetry", "Running", "Completed"]


def test_invalid_parameters_fail_a_flow_before_it_runs() -> None:
    commands, state = play(flow_life(FlowOptions(), plan(3), "ParameterTypeError: x"), failing())
    assert names(commands) == ["Failed"]
    assert state.message.endswith("failed with error: ParameterTypeError: x")


def test_what_fails_around_the_function_crashes_the_run_instead_of_leaving_it() -> None:
    def answer(command: Any) -> Any:
        return OSError("no disk") if isinstance(command, Lookup) else None

    commands, state = play(task_life(TaskOptions(), plan(cache_key=lambda: "key")), answer)
    assert names(commands) == ["Running", "Crashed"]
    assert state.message == "Execution was interrupted by an unexpected exception: OSError: no disk"


def test_a_cancelled_run_makes_no_further_attempt() -> None:
    commands, _ = play(task_life(TaskOptions(), plan(3, may_retry=lambda: False)), failing(OSError()))
    assert names(commands) == ["Running", "Failed"]


def test_an_exception_without_a_text_that_can_be_had_is_told_by_its_type() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    commands, state = play(task_life(TaskOptions(), plan()), failing(OddError()))
    assert names(commands) == ["Running", "Failed"]
    assert state.message == "Task run encountered an exception OddError"


def test_a_run_without_limits_asks_for_no_slots() -> None:
    commands, _ = play(task_life(TaskOptions(), plan()), failing(None))
    assert not [command for command in commands if isinstance(command, TakeSlots)]


def test_a_run_takes_its_slots_before_it_runs() -> None:
    commands, _ = play(task_life(TaskOptions(), plan(limited=True)), failing(None))
    assert commands[0] == TakeSlots(wait=False)
    assert names(commands) == ["Running", "Completed"]


def test_a_run_that_waits_for_slots_says_so_first() -> None:
    def answer(command: Any) -> Any:
        return "It is full." if command == TakeSlots(wait=False) else None

    commands, _ = play(task_life(TaskOptions(), plan(limited=True)), answer)
    assert names(commands) == ["Pending", "Running", "Completed"]
    assert commands[1].state.message == "It is full."
    assert commands[2] == TakeSlots(wait=True)


def test_a_run_takes_slots_anew_after_it_has_waited_for_another_attempt() -> None:
    life = task_life(TaskOptions(), plan(1, 5, limited=True))
    commands, _ = play(life, failing(OSError(), None))
    assert len([command for command in commands if isinstance(command, TakeSlots)]) == 2


def test_slots_that_never_can_be_had_crash_the_run() -> None:
    def answer(command: Any) -> Any:
        return InvalidWork("It has none.") if isinstance(command, TakeSlots) else None

    commands, state = play(task_life(TaskOptions(), plan(limited=True)), answer)
    assert names(commands) == ["Crashed"]
    assert "It has none." in state.message
