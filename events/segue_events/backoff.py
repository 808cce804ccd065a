"""Generators of the delays between attempts."""

from collections.abc import Callable, Iterator
from random import Random

__all__ = ("exponential",)


def exponential(
    first: float, factor: float, cap: float, jitter: float, random: Random | Callable[[], float]
) -> Iterator[float]:
    """Yield seconds: `first`, then `factor` times more each time, at most `cap`.

    Each is changed by up to the fraction `jitter` of itself, in both directions, so that many who failed together
    do not come back together; `random`, or its function of that name, draws from [0, 1).
    """
    draw = random.random if isinstance(random, Random) else random
    delay = min(first, cap)
    while True:
        yield delay * (1 + jitter * (2 * draw() - 1))
        delay = min(delay * factor, cap)
