"""Shields: a wait that a cancellation of anyio's, which comes again and again, cannot cut short."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any


def shielded() -> AbstractContextManager[Any]:
    """Return a scope in which anyio's cancellations wait; asyncio's own come through, once for each call."""
    # anyio takes a tenth of what segue takes to import, and who only defines flows does without.
    return import_module("anyio").CancelScope(shield=True)
