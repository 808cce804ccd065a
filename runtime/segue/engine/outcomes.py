"""What a run's caller gets for its final state: a value, or the user's own exception with the user's own frames."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from segue.exceptions import SegueError
from segue.states import State, StateType

_OWN = str(Path(__file__).parent.parent)


def error_of(state: State[Any], return_state: bool) -> BaseException | None:
    """Return what the caller of a run is to get raised, or None.

    That is the user's own exception where there is one; a caller who asked for the state gets only what is not
    an Exception, such as KeyboardInterrupt. The caller raises it, so that no more frames of the engine's come between
    the user's than must.
    """
    if state.type is StateType.COMPLETED or (return_state and not _aborts(state.data)):
        return None
    if isinstance(state.data, BaseException):
        return without_own_frames(state.data)
    try:
        state.result()
    except SegueError as error:
        return error.with_traceback(None)
    return None


def _aborts(data: Any) -> bool:
    return isinstance(data, BaseException) and not isinstance(data, Exception)


def without_own_frames(error: BaseException) -> BaseException:
    """Take the frames of the engine out of the front of the exception's traceback."""
    frame = error.__traceback__
    while frame is not None and _is_own(frame):
        frame = frame.tb_next
    return error if frame is None else error.with_traceback(frame)


def _is_own(frame: TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename.startswith(_OWN)
