"""Background: a server in a process of its own, which outlives the command that starts it."""

import os
import subprocess
import sys
from collections.abc import Mapping

import msgspec

from segue.notify.starter import DETACH
from segue.server.lock import Holder
from segue.server.refusal import CannotServe
from segue.settings import Settings

__all__ = ("Report", "start_server")

_MAX_LOG_BYTES = 1_048_576


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a server tells whoever has started it: who it is, once it answers, or why it does not start."""

    holder: Holder | None = None
    error: str = ""


def start_server(settings: Settings, environ: Mapping[str, str]) -> Holder:
    """Start a server of these settings, which are those of the environment, and return who it is once it answers.

    Raises CannotServe with what it says if it does not start.
    """
    log_path = settings.database.with_name(settings.database.name + ".server.log")
    read, write = os.pipe()
    # Not from the working directory: a json.py that lies there is none of ours.
    program = (sys.executable, "-P", "-m", "segue.server", f"--report={write}")
    with open(read, "rb") as reader:
        try:
            log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
                if log.tell() > _MAX_LOG_BYTES:
                    log.truncate(0)
                # The shell ends at once: the server is nobody's child, and nobody has to collect it.
                subprocess.run(
                    [*DETACH, *program],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(write,),
                    env=environ,
                    start_new_session=True,
                    check=True,
                )
        finally:
            os.close(write)
        # The server closes the pipe when it has said what there is to say; so does its death.
        content = reader.read()
    try:
        report = msgspec.json.decode(content, type=Report)
    except msgspec.DecodeError:
        raise CannotServe(f"The server has died while it started; {log_path} says why.") from None
    if report.holder is None:
        raise CannotServe(report.error)
    return report.holder
