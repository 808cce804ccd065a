"""The error of a server that does not start."""

from segue.exceptions import SegueError

__all__ = ("CannotServe",)


class CannotServe(SegueError):
    """The server does not start: the sentence says why, and what to do."""
