"""Hearing: what somebody asks of this process's runs, by the stream of a far server, and by its twin, a poll."""

import logging

from segue.client import asks
from segue.client.asynchronous import AsyncClient
from segue.client.exchange import Address
from segue.client.failures import ApiError, RequestRefused
from segue.client.lines import AnyReader
from segue.requests import Requests
from segue.run_events import FLOW_RUN_CANCEL_REQUESTED
from segue_events import Clock, CursorReset, Event, Filter, StreamError

__all__ = ("listen", "look_out")

_LOGGER = logging.getLogger("segue.server")

# After how many seconds a server that has refused this client is asked again.
_AFTER_REFUSAL = 30.0
# Seconds between two polls, in case the stream has fallen silent without an end.
_PAUSE = 15.0


async def listen(requests: Requests, address: Address, place: str, clock: Clock) -> None:
    """Hand on the requests that come after this place, for ever."""
    while True:
        try:
            async with AnyReader(
                address, filter=Filter(kinds=(FLOW_RUN_CANCEL_REQUESTED,)), after=place, clock=clock
            ) as reader:
                async for batch in reader:
                    _tell(requests, batch)
                    place = str(reader.cursor)
        except CursorReset:
            # Requests are few, and a run hears of each once.
            place = "start"
        except StreamError as error:
            _LOGGER.warning("Requests to stop do not come through. %s", error)
            await clock.sleep(_AFTER_REFUSAL)


async def look_out(requests: Requests, client: AsyncClient, place: str, clock: Clock) -> None:
    """Poll for the same requests, every 15 seconds while there are runs."""
    while True:
        await clock.sleep(_PAUSE)
        if not len(requests):
            continue
        try:
            batch = await client.ask(asks.poll(place, 0, kinds=(FLOW_RUN_CANCEL_REQUESTED,)))
        except RequestRefused as error:
            place = "start" if error.status == 410 else place
        except ApiError:
            continue  # the next look may go well
        else:
            place = batch.cursor
            _tell(
                requests, [Event(kind=one.kind, run=one.run, payload=one.payload, seq=one.seq) for one in batch.events]
            )


def _tell(requests: Requests, events: list[Event]) -> None:
    for event in events:
        try:
            requests.tell(event)
        except Exception:
            _LOGGER.exception("A request to flow run %s could not be handed on.", event.run)
