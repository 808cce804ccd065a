"""A guarded thread connects only to where messages may go, whichever way it tries."""

import socket
import threading
from collections.abc import Callable

import pytest

from segue_notifiers.channels.guard import guarded_thread
from segue_notifiers.channels.outbound import Policy

LOOPBACK = Policy(allow=("127.0.0.0/8",))


def connect(host: str, port: int) -> None:
    socket.create_connection((host, port)).close()


def connect_by_name(host: str, port: int) -> None:
    with socket.socket() as connection:
        connection.connect((host, port))


def send_datagram(host: str, port: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as connection:
        connection.sendto(b"x", (host, port))


WAYS = [connect, connect_by_name, send_datagram]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_the_policy_forbids(way: Callable[[str, int], None], host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with guarded_thread(Policy(), "ops") as watch, pytest.raises(PermissionError):
            way(host, port)

    assert "ops leads to this machine" in str(watch.objection)


@pytest.mark.parametrize("way", WAYS)
def test_what_the_policy_permits(way: Callable[[str, int], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, guarded_thread(LOOPBACK, "ops") as watch:
        way("localhost", listener.getsockname()[1])

    assert watch.objection is None


def test_other_threads_and_later_calls_are_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with guarded_thread(Policy(), "ops") as watch:
            thread = threading.Thread(target=connect, args=("127.0.0.1", port))
            thread.start()
            thread.join()
        connect("127.0.0.1", port)

    assert watch.objection is None
