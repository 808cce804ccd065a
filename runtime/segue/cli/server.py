"""segue server: start, stop and look at the server of this database, and send a far one what waits for it."""

import os
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, fields, say, say_json, warn
from segue.cli.spans import span
from segue.cli.text import ago, iso
from segue.server.lock import Holder, holder_of, stop_holder
from segue.server.refusal import CannotServe
from segue.settings import LoadedSettings, Settings, load_settings
from segue_events import Clock, SystemClock

if TYPE_CHECKING:
    from segue.cli.probe import Answer

__all__ = ("app",)

app = App(name="server", help="The server: start, stop, status, sync.", help_epilogue="")

# Seconds between two looks at a server that is waited for.
_GLANCE = 0.05

Timeout = Annotated[str, Parameter(name="--timeout", help="How long to wait at most.")]


@app.command
def start(
    *,
    host: Annotated[str | None, Parameter(help="The address to listen on; by default SEGUE_SERVER_HOST.")] = None,
    port: Annotated[int | None, Parameter(help="The port to listen on; by default SEGUE_SERVER_PORT.")] = None,
    background: Annotated[bool, Parameter(negative=(), help="Return once it answers, and let it go on.")] = False,
    ui: Annotated[bool, Parameter(name="--ui", negative="--no-ui", help="Have the page too, or the API only.")] = True,
) -> None:
    """Start the server, and show where it is; it runs until Ctrl-C, in the background until `segue server stop`."""
    given = {"SEGUE_SERVER_HOST": host, "SEGUE_SERVER_PORT": port, "SEGUE_SERVER_PAGE": None if ui else False}
    environ = {**os.environ, **{name: str(value) for name, value in given.items() if value is not None}}
    loaded = load_settings(environ)
    for sentence in loaded.warnings:
        warn(sentence)
    try:
        if background:
            _detach(loaded.settings, environ)
        else:
            _serve(loaded)
    except CannotServe as error:
        raise CommandFailed(str(error), ExitCode.CONFIGURATION) from error


@app.command
def stop(*, time_limit: Timeout = "30s") -> None:
    """Stop the server; it finishes what is under way."""
    database, clock = load_settings().settings.database, SystemClock()
    holder = holder_of(database)
    if holder is None:
        raise CommandFailed(f"No server of {database} runs on this machine.", ExitCode.NOT_FOUND)
    if not stop_holder(database, holder, clock, span(time_limit, "--timeout")):
        raise CommandFailed(
            f"The server, process {holder.pid}, has not ended within {time_limit}; `kill {holder.pid}` hurries it.",
            ExitCode.TIMEOUT,
        )
    say(f"The server of {database} has ended.")


@app.command
def status(
    *,
    wait: Annotated[bool, Parameter(negative=(), help="Wait until it is ready.")] = False,
    time_limit: Timeout = "30s",
    output: OutputForm = "text",
) -> None:
    """Show whether the server runs and is ready: that of SEGUE_API_URL, or else the one of this database."""
    settings, clock = load_settings().settings, SystemClock()
    until = clock.monotonic() + (span(time_limit, "--timeout") if wait else 0.0)
    while True:
        holder = None if settings.api_url else holder_of(settings.database)
        answer = _asked(settings, holder)
        if answer.is_ready or clock.monotonic() >= until:
            break
        clock.block(_GLANCE)
    _say_status(settings, holder, answer, output, clock)
    if not answer.is_ready:
        raise CommandFailed(answer.reason, ExitCode.TIMEOUT if wait else ExitCode.UNREACHABLE)


@app.command
def sync(*, output: OutputForm = "text") -> None:
    """Send to the server of SEGUE_API_URL what flows could not send that ended while it was away."""
    # A stream's client costs more than the rest of this command, and only this sends anything.
    from segue.cli.leftovers import sync as send  # noqa: PLC0415

    send(load_settings().settings, output, SystemClock())


def _detach(settings: Settings, environ: dict[str, str]) -> None:
    # What starts processes is not needed to look at one.
    from segue.server.background import start_server  # noqa: PLC0415

    _welcome(settings, start_server(settings, environ))


def _serve(loaded: LoadedSettings) -> None:
    # What a server is made of takes as long to import as all the rest of this command.
    from segue.server.process import serve  # noqa: PLC0415

    serve(loaded, lambda holder: _welcome(loaded.settings, holder))


def _welcome(settings: Settings, holder: Holder) -> None:
    fields(
        [
            ("Server", Cell(holder.url, "bold")),
            ("API", f"{holder.url}/api"),
            ("Database", str(settings.database)),
            ("Process", str(holder.pid)),
            ("Clients", f"segue config set SEGUE_API_URL={holder.url}/api"),
        ]
    )


def _asked(settings: Settings, holder: Holder | None) -> "Answer":
    # An HTTP client costs as much as the rest of this command, and only this asks anything.
    from segue.cli.probe import Answer, ask  # noqa: PLC0415

    if settings.api_url:
        return ask(settings.api_url)
    if holder is None or not holder.url:
        return Answer(reason=f"No server of {settings.database} runs on this machine; `segue server start` starts one.")
    return ask(f"{holder.url}/api")


def _say_status(settings: Settings, holder: Holder | None, answer: "Answer", output: str, clock: Clock) -> None:
    if output == "json":
        say_json(
            {
                "ready": answer.is_ready,
                "url": answer.url or None,
                "version": answer.version or None,
                "pid": None if holder is None else holder.pid,
                "started": None if holder is None else iso(holder.started),
                "reason": answer.reason or None,
            }
        )
    elif answer.url:
        fields(
            [
                ("API", Cell(answer.url, "bold")),
                ("State", Cell("ready", "green") if answer.is_ready else Cell("not ready", "red")),
                ("Version", answer.version),
                ("Database", "" if settings.api_url else str(settings.database)),
                ("Process", "" if holder is None else str(holder.pid)),
                ("Started", "" if holder is None else ago(holder.started, clock.now_us())),
            ]
        )
