"""Errors: every exception of segue, each with a sentence of its own.

    SegueError
    ├── SettingsError             a setting or profile that cannot be used
    ├── InvalidNameError          (ValueError) a name or name template that cannot be used
    ├── ReservedArgumentError     (TypeError) a parameter has a name that segue needs for itself
    ├── ParameterBindError        (TypeError) arguments do not fit the signature
    ├── ParameterTypeError        arguments do not fit the annotations
    ├── MappingLengthMismatch     `map` got iterables of several lengths
    ├── MappingMissingIterable    `map` got nothing to map over
    ├── MissingContextError       (RuntimeError) called outside of a run
    ├── BlockingInLoopError       (RuntimeError) a wait that would stop the event loop
    ├── TaskRunnerNotStarted      (RuntimeError) a task runner used outside of its `with`
    ├── ProcessDied               a worker process ended before its task did
    ├── UnfinishedRun             the result of a run that has not ended
    │   └── PausedRun
    ├── FailedRun                 the result of a run that failed
    ├── CrashedRun                … that was ended from outside
    ├── CancelledRun              … that was cancelled
    ├── MissingResult             … whose value was not kept
    ├── SerializationError        a value that cannot be written or read
    │   ├── NotCanonical          … as canonical JSON
    │   └── ResultNotSerializable … by the serializer of a result
    ├── ResultTampered            a stored result that something else has written
    ├── HashError                 inputs of which there is no cache key
    ├── JournalNotRecorded        a run that ended, but is not (wholly) in the journal
    ├── FlowNotFound              no flow at this entrypoint
    ├── UnknownRun                no run with this id, prefix or name
    ├── AmbiguousRun              several runs with this prefix or name
    ├── UnknownArtifact           no artifact with this id or key
    ├── ServerError               a server that was asked something did not answer, or refused
    └── WorkError                 what is to be run cannot be as it was asked for
        ├── InvalidWork           a deployment, schedule, pool, worker or limit that cannot work
        ├── InvalidRun            parameters that do not fit the deployment's schema
        ├── CannotRetry           a run that cannot be run again
        ├── UnknownDeployment     no deployment with this name or id
        ├── AmbiguousDeployment   several deployments that may be meant
        ├── UnknownPool           no work pool of this name
        ├── UnknownLimit          no limit of this name
        ├── ConcurrencySlotAcquisitionError          slots that cannot be had
        │   ├── AcquireConcurrencySlotTimeoutError   (TimeoutError) … within the time that was given
        │   └── SlotsLost                            … any longer: others may have them
        ├── InvalidProject        a project's files, or what they are to be deployed with, that cannot be read
        └── StepFailed            a step to build, push or pull a project that did not succeed

Control flow, which `except Exception` must not swallow:

    BaseException
    ├── Abort                     the engine gives up this run without recording more of it
    ├── CancellationRequested     somebody asked a run to stop
    └── TerminationSignal         the process was asked to end
"""

from collections.abc import Iterable, Mapping, Sequence


class SegueError(Exception):
    """Whatever segue raises is one of these; the text says what happened, to what, and what to do."""


# --- settings, names, arguments ---


class SettingsError(SegueError):
    """A setting, or the file it stands in, cannot be used."""


class InvalidNameError(SegueError, ValueError):
    """A name, or a template of names, cannot be used."""


class ReservedArgumentError(SegueError, TypeError):
    """A function has a parameter whose name segue needs for itself."""

    def __init__(self, function: str, parameter: str) -> None:
        super().__init__(
            f"{function} has a parameter '{parameter}', which is reserved for calls of flows and tasks. Rename it."
        )
        self.function = function
        self.parameter = parameter

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.function, self.parameter)


class ParameterBindError(SegueError, TypeError):
    """The arguments of a call do not fit the function's signature."""


class ParameterTypeError(SegueError):
    """The arguments of a call do not fit the function's annotations."""


class MappingLengthMismatch(SegueError):
    """`map` was given iterables of several lengths."""

    def __init__(self, lengths: Mapping[str, int]) -> None:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        super().__init__(
            f"Received iterable parameters with different lengths: {shown}. "
            "Give them the same length, or wrap what is the same for all calls in unmapped()."
        )
        self.lengths = dict(lengths)

    def __reduce__(self) -> tuple[type, tuple[Mapping[str, int]]]:
        return type(self), (self.lengths,)


class MappingMissingIterable(SegueError):
    """`map` was given nothing to map over."""

    def __init__(self, parameters: Sequence[str] = ()) -> None:
        shown = ", ".join(parameters) or "no arguments"
        super().__init__(
            f"No iterable parameters were received: map() was given {shown}. "
            "At least one must be a list or another iterable; text counts as a single value."
        )
        self.parameters = tuple(parameters)

    def __reduce__(self) -> tuple[type, tuple[Sequence[str]]]:
        return type(self), (self.parameters,)


# --- where code is called ---


class MissingContextError(SegueError, RuntimeError):
    """Something that needs a run was called outside of one."""


class BlockingInLoopError(SegueError, RuntimeError):
    """A wait was asked for in the thread of an event loop, which it would stop."""

    def __init__(self, waits_for: str, instead: str) -> None:
        super().__init__(
            f"This waits for {waits_for} in the thread of a running event loop, and would stop the loop "
            f"that has to bring it about. Write {instead} instead."
        )
        self.waits_for = waits_for
        self.instead = instead

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.waits_for, self.instead)


class TaskRunnerNotStarted(SegueError, RuntimeError):
    """A task runner was given work outside of its `with` block."""

    def __init__(self, runner: str) -> None:
        super().__init__(
            f"{runner} is not started. Give it to a flow, `@flow(task_runner=…)`, or use it in a `with` block."
        )
        self.runner = runner

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.runner,)


class ProcessDied(SegueError):
    """A worker process ended before the task that ran in it."""

    def __init__(self, task: str) -> None:
        super().__init__(
            f"The process that ran task run '{task}' died before it had ended. "
            "It may have been killed for want of memory: the system's log says so."
        )
        self.task = task

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.task,)


# --- results of runs ---


class UnfinishedRun(SegueError):
    """The result of a run was asked for that has not ended."""


class PausedRun(UnfinishedRun):
    """The result of a run was asked for that is paused."""


class FailedRun(SegueError):
    """A run failed, and the exception it failed by is not at hand."""


class CrashedRun(SegueError):
    """A run was ended from outside."""


class CancelledRun(SegueError):
    """A run was cancelled."""


class MissingResult(SegueError):
    """A run completed, but the value it returned was not kept."""


class SerializationError(SegueError):
    """A value cannot be written, or what was written cannot be read."""


class NotCanonical(SerializationError):
    """A value has no canonical JSON that would come back the same."""

    def __init__(self, path: str, type_name: str) -> None:
        super().__init__(f"{path or 'The value'} is a {type_name}, which JSON cannot bring back unchanged.")
        self.path = path
        self.type_name = type_name

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.path, self.type_name)


class ResultNotSerializable(SerializationError):
    """A run's result cannot be written by its serializer."""


class ResultTampered(SegueError):
    """A stored result does not bear the signature of this installation."""


class HashError(SegueError):
    """There is no cache key for these inputs."""


class JournalNotRecorded(SegueError):
    """A run has ended, but the journal could not take all of its events."""

    def __init__(self, run: str, reason: str) -> None:
        super().__init__(f"{run} has ended, but is not wholly recorded: {reason}")
        self.run = run
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.run, self.reason)


# --- finding things ---


class FlowNotFound(SegueError):
    """There is no flow to be found where one was looked for."""


class UnknownRun(SegueError):
    """No run has this id, beginning of an id, or name."""

    def __init__(self, wanted: str, nearest: Sequence[str] = ()) -> None:
        hint = f"Did you mean {' or '.join(nearest)}?" if nearest else "`segue flow-run ls` lists the runs."
        super().__init__(f"There is no run '{wanted}'. {hint}")
        self.wanted = wanted
        self.nearest = tuple(nearest)

    def __reduce__(self) -> tuple[type, tuple[str, Sequence[str]]]:
        return type(self), (self.wanted, self.nearest)


class AmbiguousRun(SegueError):
    """Several runs have this beginning of an id, or this name."""

    def __init__(self, wanted: str, candidates: Sequence[str], more: bool = False) -> None:
        number = f"more than {len(candidates)} runs, such as" if more else f"{len(candidates)} runs:"
        super().__init__(f"'{wanted}' may be any of {number} {', '.join(candidates)}. Give more of the id.")
        self.wanted = wanted
        self.candidates = tuple(candidates)
        self.more = more

    def __reduce__(self) -> tuple[type, tuple[str, Sequence[str], bool]]:
        return type(self), (self.wanted, self.candidates, self.more)


class ServerError(SegueError):
    """A server that was asked something did not answer, or refused; `segue.client` says which."""


class UnknownArtifact(SegueError):
    """No artifact has this id or key."""


# --- deployments, pools, limits ---


class WorkError(SegueError):
    """What is to be run cannot be as it was asked for."""


class InvalidWork(WorkError):
    """A deployment, schedule, pool, worker or limit cannot work as it is described."""


class InvalidRun(WorkError):
    """The parameters of a run do not fit what its deployment's schema says.

    `faults` are places within the parameters, such as "window.days", each with what is wrong there.
    """

    def __init__(self, message: str, faults: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class CannotRetry(WorkError):
    """A run cannot be run again: it has not ended, or belongs to no deployment that is there."""


class UnknownDeployment(WorkError):
    """No deployment has this name or id."""


class AmbiguousDeployment(WorkError):
    """Several deployments may be meant by a name."""


class UnknownPool(WorkError):
    """No work pool has this name."""


class UnknownLimit(WorkError):
    """No concurrency limit has this name."""


class ConcurrencySlotAcquisitionError(WorkError):
    """Slots of concurrency limits cannot be had."""


class AcquireConcurrencySlotTimeoutError(ConcurrencySlotAcquisitionError, TimeoutError):
    """Slots of concurrency limits were not free within the time that was given."""


class SlotsLost(ConcurrencySlotAcquisitionError):
    """Slots could not be kept while they were needed, and others may have had them."""


class InvalidProject(WorkError):
    """A project's files cannot be read, or do not say what is to be deployed."""


class StepFailed(WorkError):
    """A step that builds, pushes or pulls a project's code did not succeed."""


# --- control flow ---


class Abort(BaseException):
    """The engine gives up a run without recording more of it, as when another process has taken it over."""


class CancellationRequested(BaseException):
    """Somebody asked a flow run to stop; raised in its plain function, and passes through the runs inside of it."""

    def __init__(self) -> None:
        super().__init__("The flow run was asked to stop.")


class TerminationSignal(BaseException):
    """The process was asked to end; raised in the main thread so that runs can say so."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"The process received signal {signal}.")
        self.signal = signal

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return type(self), (self.signal,)
