"""Log lines: the server's log, in which what clients send cannot pass for a line of its own."""

import logging
import re

__all__ = ("set_up",)

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

# What uvicorn says of each websocket that is refused, as if it were an error, and of each text that is none.
_OF_STRANGERS = (
    "ASGI callable returned without completing handshake.",
    "Invalid UTF-8 sequence received from client.",
)


class _Formatter(logging.Formatter):
    """Writes control characters as escapes, in messages ends of lines too; tracebacks have lines of their own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        record.message = record.message.replace("\n", "\\n")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", super().format(record))


def set_up() -> None:
    """Write log lines to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(_FORM))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # It says in five lines what ours say in one, and something for each request that is none: whoever can reach the
    # server could fill the disk with that.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg not in _OF_STRANGERS)
