"""Redaction: takes a URL's parts out of texts and log records, since any part may be the token."""

import logging
import re
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from urllib.parse import unquote

HIDDEN = "***"

_SEPARATORS = re.compile(r"[/?&=#:@,\s]+")
_LIBRARIES = ("apprise", "urllib3", "requests")


class Redactor:
    """Replaces a URL, and each part of it, wherever it occurs in a text."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        parts = {url, *_SEPARATORS.split(rest or scheme)}
        parts |= {unquote(part) for part in parts}
        # The longest first: a part may hold another.
        alternatives = [_pattern(part) for part in sorted(parts, key=len, reverse=True) if part]
        self._parts = re.compile("|".join(alternatives) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """The text with *** where a part of the URL was."""
        return self._parts.sub(HIDDEN, text)


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
        record.msg, record.args = self._redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = self._redact(logging.Formatter().formatException(record.exc_info))  # pyright: ignore[reportArgumentType]
            record.exc_info = None
        return True


@contextmanager
def guarded_loggers(redact: Redactor) -> Generator[None]:
    """While the block runs, let no part of the URL leave through the loggers of the libraries that send.

    To be used in the thread that sends. Loggers are found by name and not by their root alone, because a
    logger's filters do not see what its children log.
    """
    guard = RedactingFilter(redact)
    loggers = list(_loggers_of(_LIBRARIES))
    for logger in loggers:
        logger.addFilter(guard)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(guard)


def _loggers_of(libraries: Iterable[str]) -> Iterable[logging.Logger]:
    known = list(logging.root.manager.loggerDict)
    for library in libraries:
        yield logging.getLogger(library)
        yield from (logging.getLogger(name) for name in known if name.startswith(f"{library}."))
