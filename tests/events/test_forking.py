"""The gate between SQLite's threads and a fork."""

import threading

from segue_events.forking import ForkGate


def test_a_fork_waits_until_the_last_thread_has_left() -> None:
    gate, entered, leave, closed = ForkGate(), threading.Event(), threading.Event(), threading.Event()

    def inside() -> None:
        with gate:
            entered.set()
            leave.wait(10)

    def fork() -> None:
        gate.close()
        closed.set()
        gate.open()

    threads = [threading.Thread(target=inside), threading.Thread(target=fork)]
    threads[0].start()
    assert entered.wait(10)
    threads[1].start()
    assert not closed.wait(0.05)
    leave.set()
    assert closed.wait(10)
    for thread in threads:
        thread.join()


def test_a_child_begins_with_an_open_gate() -> None:
    gate = ForkGate()
    gate.close()
    gate.renew()
    with gate:
        pass
    gate.close()
    gate.open()
