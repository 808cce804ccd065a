"""Guard: keeps a thread whose libraries open connections themselves from where messages may not go."""

import errno
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

from segue_notifiers.channels.outbound import Policy, look_up
from segue_notifiers.errors import Forbidden

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Watch:
    """What a guarded thread was kept from: `objection`, None if nothing was."""

    def __init__(self, policy: Policy, name: str) -> None:
        self.objection: Forbidden | None = None
        self._policy = policy
        self._name = name

    def look_at(self, host: str) -> None:
        """Raise PermissionError, as an operating system would, if no connection may be made to the host."""
        try:
            self._check(host)
        except Forbidden as objection:
            self.objection = objection
        else:
            return
        # Libraries take it for a failed connection, clean up and say so; the objection is what is told.
        raise PermissionError(errno.EACCES, "The outbound policy forbids this address.")

    def _check(self, host: str) -> None:
        try:
            self._policy.check(host, self._name)
        except ValueError:
            # A name, from a library that leaves it to the socket to look it up.
            for address in look_up(host, 0):
                self._policy.check(address, self._name)


class _Local(threading.local):
    watch: Watch | None = None


_local = _Local()
_installing = threading.Lock()
_installed: list[bool] = []


@contextmanager
def guarded_thread(policy: Policy, name: str) -> Generator[Watch]:
    """While the block runs, connect this thread only to where the policy lets the target `name` lead.

    What is judged is the very address that is connected to, so a name that resolves to another address the second
    time gains nothing. Threads that libraries start by themselves are not seen.
    """
    _install()
    watch, before = Watch(policy, name), _local.watch
    _local.watch = watch
    try:
        yield watch
    finally:
        _local.watch = before


def _install() -> None:
    # Python keeps an audit hook for good, and calls it for whatever is opened or imported; so there is one only, from
    # the first message on that needs it.
    with _installing:
        if not _installed:
            sys.addaudithook(_hook)
            _installed.append(True)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _EVENTS or (watch := _local.watch) is None:
        return
    address = arguments[1]
    if isinstance(address, tuple) and address and isinstance(address[0], str):
        watch.look_at(address[0])
