"""Event: what happened, to what, and when; and its payload as strict JSON."""

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, cast

import msgspec

from segue_events.errors import PayloadError
from segue_events.ids import new_id

__all__ = ("MAX_DEPTH", "Event", "decode_payload", "encode_payload", "seal", "to_cloudevent")

# Deeper payloads could be written by one process and, from a deeper stack, not be read by another.
MAX_DEPTH = 200

_INT64 = 2**63
_HOLDERS = frozenset({dict, list, tuple})
_NO_FLOATS = frozenset({bool, int, str, type(None)})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(dict[str, Any])
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# What a bracket adds to the depth, as a signed byte.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")


# Its payload is JSON, which has no cycles: the garbage collector need not look at the most frequent of objects.
class Event(msgspec.Struct, kw_only=True, gc=False):
    """What happened (`kind`: a noun, a dot, a verb), to what (`subject`: an id), and in which run (`run`: an id).

    `occurred` is in µs since the epoch. Publishing fills in `occurred` and `id` where they are empty. `seq` is
    assigned once, by the journal: the event's place in it. Until its commit is done it means nothing.
    """

    kind: str
    payload: dict[str, Any] = {}
    run: str = ""
    subject: str = ""
    occurred: int = 0
    id: str = ""
    seq: int = 0


def encode_payload(payload: dict[str, Any]) -> bytes:
    """Return the payload as a strict JSON object.

    A msgspec.Raw in it is taken as JSON that is already encoded. Tuples, datetimes and the like are written in the
    form that JSON has for them. Raises PayloadError, which names the place in the payload and the reason.
    """
    if not isinstance(payload, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise PayloadError(f"A payload is a dict with texts as keys, not {_shown(payload)}.")
    try:
        encoded = _encode(payload)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _refusal(payload, error) from None
    # msgspec writes NaN and infinities as null, without a word.
    if b"null" in encoded and not _is_finite(payload):
        _refuse_nan(payload)
    if len(encoded) > 2 * MAX_DEPTH and _depth(encoded) > MAX_DEPTH:
        raise PayloadError(f"The payload is nested more than {MAX_DEPTH} deep; keep such values elsewhere.")
    return encoded


def decode_payload(encoded: bytes | str) -> dict[str, Any]:
    """Return the payload that `encode_payload` wrote."""
    return _decoder.decode(encoded)


def seal(event: Event) -> bytes:
    """Make the event ready to be kept: give it an id if it has none; return its encoded payload.

    Raises PayloadError for an event that no journal could hold.
    """
    encoded = encode_payload(event.payload)
    if not event.id:
        event.id = new_id()
    try:
        texts = "".join((event.kind, event.run, event.subject, event.id))
        if not texts.isascii() or "\0" in texts or not event.kind:
            _check_texts(event)
        if not -_INT64 <= event.occurred < _INT64:
            raise PayloadError(f"The event '{event.kind}' occurred at {event.occurred} µs, which 64 bits do not hold.")
    except (TypeError, AttributeError):
        raise PayloadError(
            f"The event's kind, run, subject and id are texts and its instant is an int: {_shown(event)}."
        ) from None
    return encoded


def to_cloudevent(event: Event) -> dict[str, Any]:
    """Return the event in the form of CloudEvents 1.0, as a dict ready for JSON."""
    instant = _EPOCH + timedelta(microseconds=event.occurred)
    cloud = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/runs/{event.run}" if event.run else "/",
        "type": event.kind,
        "time": instant.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": event.payload,
    }
    if event.subject:
        cloud["subject"] = event.subject
    if event.seq:
        cloud["sequence"] = str(event.seq)
    return cloud


# --- what an event cannot hold ---


def _check_texts(event: Event) -> None:
    if not event.kind:
        raise PayloadError("An event needs a kind: a noun, a dot and a verb, such as 'flow-run.completed'.")
    for name in ("kind", "run", "subject", "id"):
        text: str = getattr(event, name)
        if "\0" in text or text.encode(errors="replace").decode() != text:
            raise PayloadError(f"The {name} of an event holds a character that no text may hold: {_shown(text)}.")


def _is_finite(payload: dict[str, Any]) -> bool:
    """Whether it is known that all its floats are numbers; a quick look, which does not know of unusual types."""
    left: list[Any] = [payload]
    while left:
        value = left.pop()
        kind = cast("type[object]", type(value))
        if kind is float:
            if not math.isfinite(value):
                return False
        elif kind in _HOLDERS:
            items: Iterable[Any] = value.values() if kind is dict else value
            left += [item for item in items if type(item) not in _NO_FLOATS]
        else:
            return False
    return True


def _refuse_nan(payload: dict[str, Any]) -> None:
    for path, value in _leaves(payload):
        if isinstance(value, float) and not math.isfinite(value):
            raise PayloadError(f"{path} in the payload is {value}, which JSON does not have; write None or a text.")


def _refusal(payload: Any, error: Exception) -> PayloadError:
    """Find which value it was that could not be encoded."""
    try:
        for path, value in _leaves(payload):
            try:
                _encode(value)
            except (TypeError, ValueError, OverflowError) as reason:
                return PayloadError(f"{path} in the payload cannot be written as JSON ({_shown(value)}): {reason}.")
    except RecursionError:
        return PayloadError(
            f"The payload contains itself, or is nested more than {MAX_DEPTH} deep; keep such values elsewhere."
        )
    return PayloadError(f"The payload cannot be written as JSON: {error}.")


def _leaves(value: Any, path: str = "$", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every value that holds no others, and every key, with where it is; RecursionError too far down."""
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield f"The key {_shown(key)} of {path}", {key: None}
            yield from _leaves(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
            yield from _leaves(item, f"{path}[{index}]", depth + 1)
    else:
        yield path, value


def _depth(encoded: bytes) -> int:
    """How many brackets are open at the deepest place; 0 if they cannot be too many."""
    if encoded.count(b"[") + encoded.count(b"{") <= MAX_DEPTH:
        return 0
    steps = _STRINGS.sub(b"", encoded).translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)


def _shown(value: Any) -> str:
    """A short, safe text of any value."""
    try:
        text = ascii(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:77]}..."
