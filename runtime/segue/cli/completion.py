"""segue completion: let the shell complete commands and options."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from segue.cli.main import app as segue
from segue.cli.output import say

__all__ = ("app",)

Shell = Annotated[Literal["bash", "zsh", "fish"] | None, Parameter(help="The shell; by default the one you are in.")]

app = App(name="completion", help="Completion of commands in your shell: install, show.", help_epilogue="")


@app.command
def install(*, shell: Shell = None) -> None:
    """Write the completion script to where your shell looks for it."""
    path = segue.install_completion(shell=shell)
    say(f"Completion is in {path}; it works in shells you open from now on.")


@app.command
def show(*, shell: Shell = None) -> None:
    """Print the completion script."""
    say(segue.generate_completion(shell=shell))
