"""The `segue` command: its nouns, its global option, and what happens when something goes wrong."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Group, Parameter

from segue.cli.exit_codes import ExitCode, explained
from segue.cli.output import say

__all__ = ("app", "main")

# Each command is named by the string to import it by, so that `segue --help` imports none of them.
COMMANDS = {
    "run": ("run:run", "Run a flow of a script or module, and show its tasks while they run."),
    "flow-run": ("flow_run:app", "Flow runs: list, inspect, read logs, watch, cancel, retry, delete."),
    "task-run": ("task_run:app", "Task runs: list, inspect."),
    "artifact": ("artifact:app", "What runs have left to look at: list, inspect, delete."),
    "init": ("init:init", "Begin a project in this folder: the files that say what is deployed."),
    "project": ("init:app", "Projects: begin one, list recipes for it."),
    "deploy": ("deploy:deploy", "Make deployments of flows, as options and the project's files say."),
    "deployment": ("deployment:app", "Deployments: run, list, inspect, pause, resume, delete, schedule."),
    "work-pool": (
        "work_pool:app",
        "Work pools, where runs wait for workers: create, list, inspect, pause, limit, delete.",
    ),
    "worker": ("worker:app", "Workers, which run what waits in a pool: start one, list, inspect."),
    "work-queue": ("work_queue:app", "Queues of work pools: create, list, inspect, pause, limit, delete."),
    "global-concurrency-limit": ("limit:app", "Limits that code asks for by name: create, list, update, delete."),
    "concurrency-limit": ("tag_limit:app", "How many runs with a tag may go at a time: create, list, delete."),
    "server": ("server:app", "The server, with its API and its page: start, stop, status."),
    "api-key": ("api_key:app", "Who may use the server: create, list, revoke keys."),
    "notify": ("notify:app", "Alerts: who is told, of what, and what has been told."),
    "events": ("events:app", "The stream of all that happens."),
    "journal": ("journal:app", "The file of all records: check, rebuild, back up, status."),
    "config": ("config:app", "Settings of the active profile: set, unset, view."),
    "profile": ("profile:app", "Profiles, named sets of settings: list, create, use, delete, rename, inspect."),
    "completion": ("completion:app", "Completion of commands in your shell: install, show."),
    "version": ("version:version", "Show the versions of segue and of what it runs on."),
}


def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    profile: Annotated[str | None, Parameter(help="The profile to use instead of the active one.")] = None,
) -> int | None:
    """Run the command named by the tokens."""
    if profile is not None:
        # By the environment, since the processes that a run starts are to use the same profile.
        os.environ["SEGUE_PROFILE"] = profile
    return app(tokens)


def _app() -> App:
    made = App(
        name="segue",
        help="Run Python flows, and see what they did: every step is an event in a journal.",
        help_epilogue=explained(),
        help_format="plaintext",
        help_formatter=None if sys.stdout.isatty() else "plain",
        version_flags=[],
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for name, (target, help_line) in COMMANDS.items():
        made.command(f"segue.cli.{target}", name=name, help=help_line)
    made.meta.group_parameters = Group("Global options")
    made.meta.suppress_keyboard_interrupt = False
    made.meta.default(launch)
    return made


app = _app()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code. Errors become one sentence on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app.meta(sys.argv[1:] if arguments is None else arguments) or ExitCode.OK
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("Interrupted.", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain when it closes the stream at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE
    except Exception as error:
        # This imports the errors of journal and engine; a command that succeeds does without.
        from segue.cli.failures import report  # noqa: PLC0415

        return report(error)
    return code
