"""What flows have left for a far server that was away: sent now, and told what became of it."""

import asyncio
from collections.abc import Sequence

from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.output import say, say_json
from segue.client.exchange import Address
from segue.client.lines import Switch
from segue.far.orphans import Shipment, send_left, spools_of
from segue.settings import Settings
from segue_events import Clock

__all__ = ("sync",)


def sync(settings: Settings, output: str, clock: Clock) -> None:
    """Send what waits for the server of these settings, and say so; raises CommandFailed if not all could be sent."""
    if not settings.api_url:
        sentence = "SEGUE_API_URL is not set, so flows record in the database of this machine, and nothing waits."
        raise CommandFailed(sentence, ExitCode.CONFIGURATION)
    address = Address.of(settings.api_url, settings.api_key)
    shipments = asyncio.run(send_left(spools_of(settings.home, address), address, clock, Switch(address).dial))
    sent, left = sum(shipment.sent for shipment in shipments), sum(shipment.left for shipment in shipments)
    if output == "json":
        say_json({"url": address.url, "sent": sent, "left": left, "spools": [one._asdict() for one in shipments]})
    elif sent or not left:
        _say(shipments, sent, address.url)
    if left:
        where = next(shipment for shipment in shipments if shipment.left)
        why = where.trouble.rstrip(".") or "it has not acknowledged them"
        raise CommandFailed(
            f"{left} events could not be sent to the server at {address.url} ({why}); they are kept in {where.folder}.",
            ExitCode.UNREACHABLE,
        )


def _say(shipments: Sequence[Shipment], sent: int, url: str) -> None:
    processes = sum(bool(shipment.sent) for shipment in shipments)
    if not sent:
        say(f"Nothing that has ended waits for the server at {url}; flows that run send what is theirs.")
    else:
        say(f"{sent} events, left by {processes} process{'es' * (processes > 1)}, were sent to the server at {url}.")
