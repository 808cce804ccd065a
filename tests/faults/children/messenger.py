"""A notifier to be killed: `messenger.py PORT KILL_AFTER` tells of all failures in the journal, and ends when it has.

It kills itself, as if the power had gone, once the webhook at PORT has answered KILL_AFTER messages with 200 and before
the last answer can be recorded; with 0 it does not.
"""

import os
import signal
import sys
from pathlib import Path
from random import Random

import anyio

from segue_events import Bus, Cursor, SqliteJournal, SystemClock
from segue_notifiers import (
    Match,
    Message,
    Notifier,
    Policy,
    Rate,
    Reactive,
    Route,
    Rule,
    Source,
    StateFile,
    Target,
    channel_of,
)

RULE = Rule(name="failures", when=Reactive(on=Match(kinds=("flow-run.failed",))))


class Mortal:
    """A webhook's channel, and the end of this process after some messages."""

    def __init__(self, port: int, left: int) -> None:
        self.name = "hook"
        target = Target(name="hook", url=f"webhook+http://127.0.0.1:{port}/")
        self._channel = channel_of(target, Policy(allow=("127.0.0.1",)))
        self._left = left

    async def open(self) -> None:
        await self._channel.open()

    async def send(self, message: Message) -> None:
        await self._channel.send(message)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(port: int, left: int) -> None:
    home = Path(os.environ["SEGUE_HOME"])
    clock = SystemClock()
    async with SqliteJournal(home / "segue.db") as journal, Bus(journal, clock) as bus:
        head = await journal.head()
        notifier = Notifier(
            [RULE],
            [Route(channel=Mortal(port, left), rate=Rate(most=1000, per=1))],
            state=StateFile(home / "state"),
            clock=clock,
            random=Random(1),
        )
        await notifier.run(Source(journal, bus, Cursor(head.journal, head.epoch, 0)), idle=0.2)


if __name__ == "__main__":
    anyio.run(main, *map(int, sys.argv[1:]))
