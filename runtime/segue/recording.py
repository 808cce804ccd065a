"""Recording: which backend the settings ask for."""

from __future__ import annotations

from importlib import import_module

from segue.backend import Backend
from segue.settings import Settings


def backend_of(settings: Settings) -> Backend:
    """Return the backend of the settings' server, or else of their database.

    Raises JournalError when it cannot be opened, SettingsError for a URL that is none.
    """
    # Each takes a third of what segue takes to import: who only defines flows does without both.
    if settings.api_url:
        return import_module("segue.api_backend").api_backend(settings)
    return import_module("segue.local_backend").local_backend(settings)
