"""Print how much processor time, in microseconds, this interpreter takes for what services do most.

Prints nothing and fails on a Python that is too old or cannot make a virtual environment.
"""

import sys
import time

if sys.version_info < (3, 11):  # noqa: UP036 -- that is to be found out
    sys.exit(1)
import ensurepip  # noqa: F401  Debian splits it off: the import is the test
import venv  # noqa: F401

ROUNDS = 8


class Leg:
    """Some object with attributes."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = str(number)


def work() -> int:
    """Make objects, look them up by key, and make tuples and text of them."""
    legs = [Leg(number) for number in range(10_000)]
    by_name = {leg.name: leg for leg in legs}
    rows = [(leg.number, leg.name, by_name[leg.name].number) for leg in legs if leg.number % 3]
    return sum(len(f"{number}-{name}") for number, name, _ in rows)


def microseconds() -> int:
    """Return the processor time of one round, the least of some."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        work()
        times.append(time.process_time_ns() - began)
    return min(times) // 1000


if __name__ == "__main__":
    print(microseconds())
