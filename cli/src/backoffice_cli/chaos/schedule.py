"""The plan of a run: which fault strikes what, and when. Pure: the same seed and shape give the same plan."""

import random
from collections.abc import Sequence
from itertools import count
from typing import Final

from backoffice_cli.chaos.fault import Act, Fault, Planned, Shape

_FEWEST, _MOST = 2, 5
"""Faults of an act when several kinds are mixed; one kind alone strikes once or twice."""

_LATEST: Final = 0.9
"""The share of an act after which no fault begins."""


def plan(seed: int, faults: Sequence[Fault], shape: Shape, seconds: dict[Act, float]) -> list[Planned]:
    """Draw the faults of a run, in the order of their times.

    seconds: how long each act lasts. Every fault starts within its act; one that has an end of its own may outlast it,
    and the act then waits for it.
    """
    draw = random.Random(f"faults {seed}")  # noqa: S311  a plan that can be repeated, no secret
    numbers = count(1)
    return [
        Planned(next(numbers), act, at, fault.name, fault.draw(draw, shape))
        for act, length in seconds.items()
        for at, fault in _drawn(draw, [each for each in faults if act in each.acts], length)
    ]


def _drawn(draw: random.Random, faults: Sequence[Fault], length: float) -> list[tuple[float, Fault]]:
    """Draw when what strikes in one act."""
    if not faults:
        return []
    number = draw.randint(_FEWEST, _MOST) if len(faults) > 1 else draw.randint(1, 2)
    kinds = draw.choices(faults, [fault.weight for fault in faults], k=number)
    times = sorted(round(draw.uniform(0, _LATEST * length), 3) for _ in kinds)
    return list(zip(times, kinds, strict=True))
