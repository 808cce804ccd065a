"""Limits: how fast a target may be sent messages, and when it is left alone."""

from segue_notifiers.outbox.attempts import backoff
from segue_notifiers.target import Rate

FAILURES_TO_OPEN = 5

# Seconds between two attempts at a target that is down, at most: so soon it is noticed that it is back.
LONGEST_PAUSE = 60.0


class TokenBucket:
    """At most `most` messages at once, and on average no more than that in `per` seconds.

    Instants are in seconds of a clock that never goes back.
    """

    def __init__(self, rate: Rate, now: float) -> None:
        self._most = max(rate.most, 1)
        self._a_token = rate.per / self._most
        self._tokens = float(self._most)
        self._since = now

    def wait(self, now: float) -> float:
        """Return the seconds until a message may be sent; 0 for at once."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) * self._a_token)

    def take(self, now: float) -> None:
        """Count a message that is sent now."""
        self._fill(now)
        self._tokens -= 1

    def _fill(self, now: float) -> None:
        if self._a_token > 0:
            self._tokens = min(self._most, self._tokens + (now - self._since) / self._a_token)
        else:
            self._tokens = self._most
        self._since = now


class Breaker:
    """Leaves a target alone after five failures in a row, and then tries it with one message at a time.

    Between those lies a pause that doubles up to a minute. A target that asks to be left alone is, from the first
    time on. Instants are in seconds of a clock that never goes back.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._pause_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the target counts as down: the next message only tries whether it is back."""
        return self._failures >= FAILURES_TO_OPEN

    def wait(self, now: float) -> float:
        """Return the seconds until a message may be tried; 0 for at once."""
        return max(0.0, self._pause_until - now)

    def succeeded(self) -> bool:
        """Note that the target took a message; return whether it is back after it had been down."""
        was_open, self._failures = self.is_open, 0
        return was_open

    def failed(self, now: float, draw: float, retry_after: float | None = None) -> None:
        """Note that the target did not take a message, and how many seconds it asks to be left alone.

        `draw` is a random number from [0, 1).
        """
        self._failures += 1
        pause = retry_after or 0.0
        if self.is_open:
            pause = max(pause, backoff(self._failures - FAILURES_TO_OPEN + 1, LONGEST_PAUSE, draw))
        self._pause_until = now + pause
