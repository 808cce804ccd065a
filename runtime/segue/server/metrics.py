"""Metrics: what the server counts while it works, and all its figures as text for Prometheus."""

import os
import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue_events import Clock

__all__ = ("MEDIA_TYPE", "Family", "Measured", "Meters", "Sample", "exposition", "gauge", "memory_bytes")

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BOUNDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
_NO_ROUTE = "none"


class Sample(NamedTuple):
    """A figure; `suffix` follows its family's name."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(NamedTuple):
    """Figures of one name: `kind` is "counter", "gauge" or "histogram", `help` says what they count, in which unit."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


class Meters:
    """Counters of one server since it started."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.seconds: Counter[float] = Counter()
        self.seconds_sum = 0.0
        self.steps: Counter[str] = Counter()
        self.failed_steps: Counter[str] = Counter()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request: the path of its route as the table has it, its status, and how long the answer took."""
        self.requests[method, route, str(status)] += 1
        self.seconds[next((bound for bound in _BOUNDS if seconds <= bound), float("inf"))] += 1
        self.seconds_sum += seconds

    def stepped(self, service: str, failed: bool) -> None:
        """Count a step of a service."""
        self.steps[service] += 1
        self.failed_steps[service] += failed

    def families(self) -> list[Family]:
        """Return the counters."""
        return [
            Family(
                "segue_http_requests_total",
                "counter",
                "Requests that were answered.",
                [
                    Sample(count, {"method": method, "route": route, "status": status})
                    for (method, route, status), count in sorted(self.requests.items())
                ],
            ),
            Family(
                "segue_http_request_seconds",
                "histogram",
                "How long answers took, streams aside, in seconds.",
                list(self._histogram()),
            ),
            Family("segue_service_steps_total", "counter", "Steps of the services.", _by_service(self.steps)),
            Family("segue_service_failures_total", "counter", "Steps that failed.", _by_service(self.failed_steps)),
        ]

    def _histogram(self) -> Iterator[Sample]:
        total = 0
        for bound in (*_BOUNDS, float("inf")):
            total += self.seconds[bound]
            yield Sample(total, {"le": "+Inf" if bound == float("inf") else f"{bound:g}"}, "_bucket")
        yield Sample(self.seconds_sum, suffix="_sum")
        yield Sample(total, suffix="_count")


class Measured:
    """ASGI middleware that counts what is answered. A websocket counts when it is accepted or refused."""

    def __init__(self, app: ASGIApp, meters: Meters, clock: Clock) -> None:
        self._app = app
        self._meters = meters
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        begun = self._clock.monotonic()

        async def counted(message: Message) -> None:
            status = _status(message)
            if status:
                # By the route and not by the path: of routes there are only so many.
                route = getattr(scope.get("route"), "path", "") or _NO_ROUTE
                method = scope.get("method", "WEBSOCKET")
                self._meters.answered(_method(method), route, status, self._clock.monotonic() - begun)
            await send(message)

        await self._app(scope, receive, counted)


def gauge(name: str, about: str, value: float) -> Family:
    """Return the family of a single figure."""
    return Family(name, "gauge", about, [Sample(value)])


def exposition(families: Iterable[Family]) -> str:
    """Return figures in the text format of Prometheus."""
    lines: list[str] = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        lines += [f"{family.name}{sample.suffix}{_labels(sample.labels)} {sample.value}" for sample in family.samples]
    return "\n".join(lines) + "\n"


def memory_bytes() -> int:
    """Return how much memory this process has at the moment; where that is not told, the most it has had."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def _status(message: Message) -> int:
    """Return the status that a message tells of; 0 for one that tells none."""
    if message["type"] == "websocket.accept":
        return 101
    return message["status"] if message["type"] in ("http.response.start", "websocket.http.response.start") else 0


def _method(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET") else "OTHER"


def _by_service(counts: Counter[str]) -> list[Sample]:
    return [Sample(count, {"service": name}) for name, count in sorted(counts.items())]


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
