"""Orphans: the spools that processes have left which could not send all; whoever comes next sends them."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

from segue.client.exchange import Address
from segue.far.segments import SpoolFolder
from segue.far.spool import DiskSpool
from segue_events import Clock
from segue_events.stream import wire
from segue_events.stream.carrier import Carrier
from segue_events.stream.dialing import Dial

__all__ = ("adopt",)

_LOGGER = logging.getLogger("segue.server")

# Seconds between two looks for spools whose process has ended.
_PAUSE = 60.0


async def adopt(parent: Path, address: Address, clock: Clock, dial: Dial) -> None:
    """Send what the spools in this folder hold, one after the other, for ever; those of living processes are theirs.

    Cancelling it leaves the rest where it is.
    """
    while True:
        for folder in _left(parent):
            await _send(DiskSpool(folder), address, clock, dial)
        await clock.sleep(_PAUSE)


def _left(parent: Path) -> Iterator[SpoolFolder]:
    try:
        for path in sorted(parent.iterdir()):
            folder = SpoolFolder.claim(path) if path.is_dir() else None
            if folder is not None:
                yield folder
    except OSError as error:
        _LOGGER.warning("What other processes have left in %s cannot be read: %s.", parent, error.strerror)


async def _send(spool: DiskSpool, address: Address, clock: Clock, dial: Dial) -> None:
    count = len(spool)
    carrier = Carrier(address.stream, wire.Hello(token=address.key or ""), spool, clock, dial)
    carrying = asyncio.create_task(carrier.run())
    carrier.wake()
    try:
        arrived = asyncio.create_task(carrier.acknowledged(spool.published))
        await asyncio.wait([arrived, carrying], return_when=asyncio.FIRST_COMPLETED)
        arrived.cancel()
        if count and not len(spool):
            _LOGGER.info("%d events that another process has left were sent to the server at %s.", count, address.url)
    finally:
        carrying.cancel()
        try:
            await asyncio.wait([carrying])
        finally:
            # Also when this is cancelled just then: else what was sent would stay on the disk, to be sent again.
            spool.close()
