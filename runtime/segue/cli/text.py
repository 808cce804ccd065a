"""Words for people: control characters made visible, spans of time, instants."""

import re
from datetime import UTC, datetime, timedelta

__all__ = ("ago", "clean", "clean_json", "clean_line", "clock_time", "duration", "instant", "iso")

# What a terminal may obey or mix up: C0 and C1 controls, marks that turn the direction of writing, halves of
# surrogate pairs, which no encoding can write.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAK = re.compile("[\n\t\u2028\u2029]")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
# Below so many seconds: the larger unit, its seconds, the smaller unit, its seconds.
_SPANS = ((3600, "min", 60, "s", 1), (86_400, "h", 3600, "min", 60), (None, "d", 86_400, "h", 3600))


def clean(text: str) -> str:
    """Make control characters visible (␛ for escape); ends of lines and tabs stay."""
    return _CONTROL.sub(_visible, text.replace("\r\n", "\n"))


def clean_line(text: str, width: int | None = None) -> str:
    """Make control characters visible, ends of lines too, and cut what is longer than `width` characters."""
    line = _BREAK.sub(_visible, clean(text))
    return line if width is None or len(line) <= width else line[: max(width - 1, 0)] + "…"


def clean_json(document: str) -> str:
    """Escape, in JSON, the control characters that JSON itself lets pass."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", document)


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def duration(microseconds: int) -> str:
    """Say how long something took: 12 ms, 3.4 s, 2 min 5 s, 3 h 2 min, 4 d 1 h."""
    seconds = max(microseconds, 0) / _SECOND
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    _, large, size, small, part = next(span for span in _SPANS if span[0] is None or seconds < span[0])
    whole, rest = divmod(round(seconds), size)
    return f"{whole} {large} {rest // part} {small}" if rest // part else f"{whole} {large}"


def ago(then: int, now: int) -> str:
    """Say roughly how long before `now` an instant was; both in µs since the epoch."""
    passed = (now - then) // _SECOND
    if passed < 1:
        return "just now"
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if passed >= size:
            return f"{passed // size} {unit} ago"
    return f"{passed} s ago"


def instant(microseconds: int) -> str:
    """Write an instant in local time, to the millisecond."""
    return _datetime(microseconds).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def iso(microseconds: int) -> str:
    """Write an instant as ISO 8601 in UTC, to the microsecond."""
    return _datetime(microseconds).isoformat(timespec="microseconds")


def _datetime(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def clock_time(microseconds: int) -> str:
    """Write the local time of day of an instant, to the millisecond."""
    return _datetime(microseconds).astimezone().strftime("%H:%M:%S.%f")[:-3]
