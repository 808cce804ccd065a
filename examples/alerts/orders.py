"""A shop that tells when payments fail: segue_notifiers on a bus of its own events, without the runtime."""

from random import Random

import anyio

from segue_events import Bus, Event, MemoryJournal, SystemClock
from segue_notifiers import Match, MemoryState, Notifier, Reactive, Route, Rule, Source, TerminalChannel

PAYMENTS = Rule(name="payments", when=Reactive(on=Match(kinds=("payment.failed",)), count=3, within=60))


async def main() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus:
        source = Source(journal, bus, start=await journal.head())
        desk = Route(channel=TerminalChannel("desk"))
        for order in ("order-1", "order-2", "order-3"):
            bus.publish(Event(kind="payment.failed", subject=order, payload={"message": "The card has expired."}))
        notifier = Notifier([PAYMENTS], [desk], state=MemoryState(), clock=SystemClock(), random=Random())
        await notifier.run(source, idle=0.5)


if __name__ == "__main__":
    anyio.run(main)
