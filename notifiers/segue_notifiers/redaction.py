"""Redaction: takes a URL's parts out of texts and log records, since any part may be the token."""

import logging
import re
import threading
from base64 import b64encode
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote, unquote

HIDDEN = "***"

_SEPARATORS = re.compile(r"[/?&=#:@,\s]+")
_BLOCKING_LIBRARIES = ("apprise", "urllib3", "requests")
_ASYNC_LIBRARIES = ("httpx2", "httpcore2", "aiosmtplib", "asyncio")


class Redactor:
    """Replaces secrets, and each part of those that are URLs, wherever they occur in a text."""

    def __init__(self, *secrets: str) -> None:
        parts = {part for secret in secrets for part in _parts(secret)}
        # The longest first: a part may hold another.
        alternatives = [_pattern(part) for part in sorted(parts, key=len, reverse=True) if part]
        self._parts = re.compile("|".join(alternatives) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """The text with *** where a part of the URL was."""
        return self._parts.sub(HIDDEN, text)


def _parts(secret: str) -> set[str]:
    scheme, _, rest = secret.partition("://")
    parts = set(_SEPARATORS.split(rest or scheme))
    login, at, _ = rest.partition("/")[0].rpartition("@")
    if at:
        # As it stands in the header by which a server is told user and password, who may repeat it.
        parts.add(b64encode(unquote(login).encode()).decode())
    plain = {unquote(part) for part in parts}
    parts |= plain | {piece for part in plain for piece in _SEPARATORS.split(part)}
    return {secret, unquote(secret)} | parts | {quote(part, safe="") for part in parts}


def _pattern(part: str) -> str:
    # A short part ("v1", "500") is hidden only as a word of its own, or no text would survive.
    return re.escape(part) if len(part) >= 4 else rf"(?<!\w){re.escape(part)}(?!\w)"


class RedactingFilter(logging.Filter):
    """Hides a URL's parts in every record; drops what is below a warning if it comes from the sending thread.

    At DEBUG, Apprise and the HTTP libraries write whole requests, with headers.
    """

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; say whether it may pass."""
        if record.thread == self._thread and record.levelno < logging.WARNING:
            return False
        _redact_record(record, self._redact)
        return True


class TaskFilter(logging.Filter):
    """The same for coroutines: hides what the task at work has to hide, and leaves other tasks' records alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; say whether it may pass."""
        redact = _hidden.get()
        if redact is None:
            return True
        if record.levelno < logging.WARNING:
            return False
        _redact_record(record, redact)
        return True


_hidden: ContextVar[Redactor | None] = ContextVar("hidden", default=None)
_task_filter = TaskFilter()


def _redact_record(record: logging.LogRecord, redact: Redactor) -> None:
    record.msg, record.args = redact(record.getMessage()), None
    if record.exc_info:
        record.exc_text = redact(logging.Formatter().formatException(record.exc_info))  # pyright: ignore[reportArgumentType]
        record.exc_info = None


@contextmanager
def guarded_loggers(redact: Redactor) -> Generator[None]:
    """While the block runs, let no part of the URL leave through the loggers of the libraries that send.

    To be used in the thread that sends. Loggers are found by name and not by their root alone, because a
    logger's filters do not see what its children log.
    """
    guard = RedactingFilter(redact)
    loggers = list(_loggers_of(_BLOCKING_LIBRARIES))
    for logger in loggers:
        logger.addFilter(guard)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(guard)


@contextmanager
def guarded_task(redact: Redactor) -> Generator[None]:
    """While the block runs, let nothing secret leave through the loggers of the asynchronous libraries that send.

    To be used in the task that sends, once the libraries are imported; what it starts inherits the guard.
    """
    for logger in _loggers_of(_ASYNC_LIBRARIES):
        # A logger takes the same filter once only.
        logger.addFilter(_task_filter)
    token = _hidden.set(redact)
    try:
        yield
    finally:
        _hidden.reset(token)


def _loggers_of(libraries: Iterable[str]) -> Iterable[logging.Logger]:
    known = list(logging.root.manager.loggerDict)
    for library in libraries:
        yield logging.getLogger(library)
        yield from (logging.getLogger(name) for name in known if name.startswith(f"{library}."))
