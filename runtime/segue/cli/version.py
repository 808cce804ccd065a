"""segue version: the versions of segue and of what it runs on."""

import platform
import sqlite3

from segue.cli.arguments import OutputForm
from segue.cli.output import fields, say_json
from segue.version import __version__

__all__ = ("version",)


def version(*, output: OutputForm = "text") -> None:
    """Show the versions of segue and of what it runs on."""
    versions = {
        "segue": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": f"{platform.system()} {platform.machine()}",
    }
    if output == "json":
        say_json(versions)
    else:
        fields(list(versions.items()))
