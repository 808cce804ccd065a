"""segue api-key: who may use the server of this database."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, say, say_json, say_table, warn
from segue.cli.spans import span
from segue.cli.text import ago, instant, iso
from segue.server.keys import Key, KeysError, KeysFile
from segue.settings import load_settings
from segue_events import SystemClock

__all__ = ("app",)

app = App(name="api-key", help="API keys of the server: create, list, revoke.", help_epilogue="")

ScopeName = Annotated[
    Literal["read", "run", "admin"],
    Parameter(help="What it may do: read; run, which publishes and cancels too; admin, all."),
]


@app.command
def create(
    name: Annotated[str, Parameter(help="What to call the key; it is shown as who did what.")],
    *,
    scope: ScopeName = "run",
    expires: Annotated[
        str | None, Parameter(help="After how long it is no longer valid: 12h, 90d; else never.")
    ] = None,
    output: OutputForm = "text",
) -> None:
    """Create a key, and show it: this once, since only a hash of it is kept."""
    now = SystemClock().now_us()
    until = None if expires is None else now + round(span(expires, "--expires") * 1e6)
    file = _file()
    is_first = file.stamp is None
    try:
        text = file.create(name, scope, now, until)
    except KeysError as error:
        raise Usage(str(error)) from error
    if output == "json":
        say_json({"name": name, "scope": scope, "key": text, "expires": None if until is None else iso(until)})
    else:
        say(text)
    if is_first:
        warn("From now on the server of this database asks everybody for a key, its page too.")


@app.command
def ls(*, output: OutputForm = "text") -> None:
    """List the keys, and when each was last used."""
    keys, now = _file().keys, SystemClock().now_us()
    if output == "json":
        say_json([_json(key) for key in keys])
    elif not keys:
        say("There are no keys; `segue api-key create NAME` makes one.")
    else:
        say_table(["Id", "Name", "Scope", "Created", "Expires", "Last used"], [_row(key, now) for key in keys])


@app.command
def revoke(*names: Annotated[str, Parameter(help="Names or ids of keys.")]) -> None:
    """Revoke keys; what they have open ends within seconds, and so do the sessions begun with them."""
    if not names:
        raise Usage("Say which key to revoke: segue api-key revoke NAME.")
    file = _file()
    for name in names:
        try:
            key = file.revoke(name)
        except KeysError as error:
            raise CommandFailed(str(error), ExitCode.NOT_FOUND) from error
        say(f"Revoked key '{key.name}' ({key.id}).")
    if not file.keys:
        warn(f"No key is left, so the server lets nobody in. Without the file {file.path} it asks for none.")


def _file() -> KeysFile:
    database = load_settings().settings.database
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return KeysFile(database)


def _json(key: Key) -> dict[str, str | None]:
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "created": iso(key.created),
        "expires": None if key.expires is None else iso(key.expires),
        "last_used": None if key.last_used is None else iso(key.last_used),
    }


def _row(key: Key, now: int) -> list[Cell | str]:
    return [
        Cell(key.id, "dim"),
        key.name,
        key.scope,
        ago(key.created, now),
        _expiry(key, now),
        "never" if key.last_used is None else ago(key.last_used, now),
    ]


def _expiry(key: Key, now: int) -> Cell | str:
    if key.expires is None:
        return "never"
    return Cell("expired", "red") if key.expires <= now else instant(key.expires)[:16]
