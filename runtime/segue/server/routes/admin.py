"""Routes about the server's own state: settings in force, statistics, metrics."""

from typing import Any

import msgspec
from starlette.responses import Response

from segue.api.types import SettingBody, Statistics, instant_text
from segue.server.access import Scope
from segue.server.figures import families_of
from segue.server.metrics import MEDIA_TYPE, exposition, memory_bytes
from segue.server.routing import Call, Route
from segue.settings import MASK, SETTINGS

__all__ = ("ROUTES",)


class Settings(msgspec.Struct, frozen=True):
    """All settings, in the order of their declaration."""

    items: list[SettingBody]


async def settings(call: Call[Any, Any]) -> Settings:
    """Tell the settings that the server runs with; what is secret is masked."""
    loaded = call.wiring.loaded
    items: list[SettingBody] = []
    for setting in SETTINGS.values():
        value = getattr(loaded.settings, setting.name)
        shown = None if value is None else _text(value)
        items.append(
            SettingBody(
                name=setting.name,
                variable=setting.variable,
                value=MASK if setting.secret and shown else shown,
                source=loaded.source(setting),
                help=setting.help,
                secret=setting.secret,
            )
        )
    return Settings(items)


async def statistics(call: Call[Any, Any]) -> Statistics:
    """Tell figures of the journal, the bus and the process."""
    wiring = call.wiring
    return Statistics(
        journal=(await wiring.journal.statistics())._asdict(),
        bus=wiring.bus.statistics()._asdict(),
        memory_bytes=memory_bytes(),
        started=instant_text(wiring.started),
    )


async def metrics(call: Call[Any, Any]) -> Response:
    """Tell all figures as text, as Prometheus reads it."""
    return Response(exposition(await families_of(call.wiring)), media_type=MEDIA_TYPE)


def _text(value: Any) -> str:
    plain = msgspec.to_builtins(value, enc_hook=str)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


READ = Scope.READ

ROUTES = (
    Route("GET", "/api/settings", READ, settings, "Settings in force", Settings),
    Route("GET", "/api/statistics", READ, statistics, "Figures of the server", Statistics),
    Route("GET", "/metrics", READ, metrics, "All figures, for Prometheus"),
)
