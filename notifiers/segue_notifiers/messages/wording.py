"""Wording: how texts of any origin are made fit to be shown."""

import re
from datetime import UTC, datetime

MAX_LINES = 30
MAX_TEXT = 2_000

# More than is ever shown; what is beyond is not even looked at.
MAX_SEEN = 32 * MAX_TEXT

# All but tab and line break would act on the terminal or the page that shows them, or, as the marks that turn the
# direction of writing do, make a text look like another.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """The text without characters that cannot be stored or would act on whatever shows it."""
    if text.isascii() and text.isprintable():
        return text
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return _CONTROLS.sub("", whole.replace("\r\n", "\n").replace("\r", "\n"))


def line(text: str, limit: int) -> str:
    """The text on one line of at most `limit` characters."""
    text = " ".join(text[: 8 * limit].split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def cut(text: str, *, keep_end: bool = False) -> str:
    """At most MAX_LINES lines and MAX_TEXT characters, of the beginning or of the end, saying what is left out."""
    lines = text.splitlines()
    kept = "\n".join(lines[-MAX_LINES:] if keep_end else lines[:MAX_LINES])
    kept = kept[-MAX_TEXT:] if keep_end else kept[:MAX_TEXT]
    if len(kept) >= len(text.rstrip("\n")):
        return kept
    note = f"… ({len(text) - len(kept):,} characters left out)"
    return f"{note}\n{kept}" if keep_end else f"{kept}\n{note}"


def instant(occurred: int) -> str:
    """An instant in µs since 1970 as people read it: "2026-11-24 06:00:00.250 UTC"; never raises."""
    return _moment(occurred, f"%Y-%m-%d %H:%M:%S.{occurred // 1000 % 1000:03} UTC")


def minute(occurred: int) -> str:
    """An instant in µs since 1970, to the minute: "2026-11-24 06:00 UTC"; never raises."""
    return _moment(occurred, "%Y-%m-%d %H:%M UTC")


def _moment(occurred: int, form: str) -> str:
    try:
        return datetime.fromtimestamp(occurred // 1_000_000, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return f"{occurred} µs after 1970"
