"""Orphans: the spools that processes have left which could not send all; whoever comes next sends them."""

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from segue.client.exchange import Address
from segue.far.segments import SpoolFolder
from segue.far.spool import DiskSpool
from segue_events import Clock
from segue_events.stream import wire
from segue_events.stream.carrier import Carrier
from segue_events.stream.dialing import Dial

__all__ = ("Shipment", "adopt", "send_left", "spools_of")

_LOGGER = logging.getLogger("segue.server")

# Seconds between two looks for spools whose process has ended.
_PAUSE = 60.0


class Shipment(NamedTuple):
    """What became of a spool: how many events were sent, and how many are left in which folder, and why."""

    sent: int
    left: int
    folder: str
    trouble: str


def spools_of(home: Path, address: Address) -> Path:
    """Return the folder of all spools for this server."""
    return home / "spool" / hashlib.sha256(address.url.encode()).hexdigest()[:16]


async def adopt(parent: Path, address: Address, clock: Clock, dial: Dial) -> None:
    """Send what the spools in this folder hold, one after the other, for ever; those of living processes are theirs.

    Cancelling it leaves the rest where it is.
    """
    while True:
        try:
            for folder in _left(parent):
                shipment = await _send(DiskSpool(folder), address, clock, dial, insist=True)
                if shipment.sent and not shipment.left:
                    text = "%d events that another process has left were sent to the server at %s."
                    _LOGGER.info(text, shipment.sent, address.url)
        except OSError as error:
            _LOGGER.warning("What other processes have left in %s cannot be read: %s.", parent, error.strerror)
        await clock.sleep(_PAUSE)


async def send_left(parent: Path, address: Address, clock: Clock, dial: Dial) -> list[Shipment]:
    """Send what the spools in this folder hold, as long as the server takes it; those of living processes are theirs.

    Returns what became of each. Raises OSError where the folder cannot be read.
    """
    shipments: list[Shipment] = []
    for folder in _left(parent):
        spool = DiskSpool(folder)
        if shipments and shipments[-1].trouble:
            # The server has just not taken the one before.
            shipments.append(Shipment(0, len(spool), spool.path, shipments[-1].trouble))
            spool.close()
        else:
            shipments.append(await _send(spool, address, clock, dial, insist=False))
    return shipments


def _left(parent: Path) -> Iterator[SpoolFolder]:
    for path in sorted(parent.iterdir()) if parent.exists() else ():
        folder = SpoolFolder.claim(path) if path.is_dir() else None
        if folder is not None:
            yield folder


async def _send(spool: DiskSpool, address: Address, clock: Clock, dial: Dial, *, insist: bool) -> Shipment:
    """Send what a spool holds: until all is sent if one insists, else until the server is away or refuses it."""
    count = len(spool)
    carrier = Carrier(address.stream, wire.Hello(token=address.key or ""), spool, clock, dial)
    carrying = asyncio.create_task(carrier.run())
    carrier.wake()
    try:
        wait = carrier.acknowledged(spool.published) if insist else _acknowledged_or_away(carrier, spool)
        arrived = asyncio.create_task(wait)
        await asyncio.wait([arrived, carrying], return_when=asyncio.FIRST_COMPLETED)
        arrived.cancel()
        return Shipment(count - len(spool), len(spool), spool.path, carrier.trouble or "")
    finally:
        carrying.cancel()
        try:
            await asyncio.wait([carrying])
        finally:
            # Also when this is cancelled just then: else what was sent would stay on the disk, to be sent again.
            spool.close()


async def _acknowledged_or_away(carrier: Carrier, spool: DiskSpool) -> None:
    while len(spool) and not carrier.trouble:
        await carrier.progress()
