"""The gate between SQLite's threads and a fork, and the locks that a child finds free."""

import os
import threading

from segue_events.forking import ForkGate, fork_safe_lock


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


def test_a_lock_that_another_thread_held_is_free_in_a_forked_child() -> None:
    lock, held, forking = fork_safe_lock(), threading.Event(), threading.Event()
    # What is registered last comes first: before the fork waits for the lock.
    os.register_at_fork(before=forking.set)

    def hold() -> None:
        with lock:
            held.set()
            forking.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    child = os.fork()
    if not child:
        os._exit(0 if lock.acquire(blocking=False) else 1)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lock.acquire(blocking=False)
    lock.release()
