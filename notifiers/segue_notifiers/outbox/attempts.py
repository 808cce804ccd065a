"""Attempts: when a message is tried again, and when it is given up."""

LIFETIME = 24 * 3600 * 1_000_000
"""How long after it was queued a message may be tried, in µs."""

FIRST_DELAY, LONGEST_DELAY = 1.0, 900.0

# The fraction by which delays differ, so that messages that failed together do not come back together.
JITTER = 0.2


def backoff(failures: int, longest: float, draw: float) -> float:
    """Return the seconds to wait after so many failures in a row, from one second on, doubled each time.

    At most `longest`, give or take a fifth of it; `draw` is a random number from [0, 1).
    """
    # Beyond 2**30 seconds every bound is reached; a power of thousands would be no number of seconds.
    delay = min(FIRST_DELAY * 2 ** min(max(failures - 1, 0), 30), longest)
    return delay * (1 + JITTER * (2 * draw - 1))


def next_attempt(failures: int, now: int, deadline: int, draw: float, retry_after: float | None = None) -> int | None:
    """Return the instant of the next attempt after so many have failed, the last one just now; None to give up.

    Instants are in µs since 1970. A target that asks to be left alone for `retry_after` seconds is, but the last
    attempt comes no later than the deadline. `draw` is a random number from [0, 1).
    """
    if now >= deadline:
        return None
    delay = max(backoff(failures, LONGEST_DELAY, draw), retry_after or 0.0)
    return min(now + round(delay * 1_000_000), deadline)
