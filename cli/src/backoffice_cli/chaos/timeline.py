"""What the front office publishes in a run, and when: the tape with its mishaps, at random moments. By seed alone.

Faults have no part in it, so that a disturbed run and an undisturbed one of the same seed have the same inputs. Some
amendments and busts come late, after the business day: of trades that are settled, in the middle of it, or failing.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from backoffice_cli.chaos.fault import Act
from backoffice_events.contracts.frontoffice import TradeExecuted
from simulators.front_office.coupons import read_bonds
from simulators.front_office.desk import Desk
from simulators.front_office.scenario import Act as Report
from simulators.front_office.scenario import Rates, play
from simulators.front_office.tape import TapeTrade, read_tape
from simulators.market import Market

_COUNTERPARTIES: Final = 24
_MISHAPS: Final = Rates(
    amends=Decimal("0.03"),
    amends_again=Decimal("0.02"),
    busts=Decimal("0.03"),
    resends=Decimal("0.03"),
    conflicting_resends=Decimal("0.01"),
    bad_data=Decimal("0.03"),
    fat_fingers=Decimal("0.005"),
    leavers=Decimal("0.005"),
)


LATE: Final = 0.2
"""The share of amendments and busts that come after the business day."""


@dataclass(frozen=True, slots=True)
class Due:
    """A report that is to be published. at: seconds after its act began."""

    at: float
    report: Report


@dataclass(frozen=True, slots=True)
class World:
    """What the front office finds. days: the open day of each settlement calendar. data: the data that ship."""

    market: Market
    days: Mapping[str, date]
    data: Path


def timeline(
    seed: int, trades: int, seconds: Mapping[Act, float], world: World, *, late: float
) -> dict[Act, list[Due]]:
    """Return the reports of each act in the order of their moments; each trade is dated on its market's open day.

    late: the share of amendments and busts that come after the business day.
    """
    draw = random.Random(f"trades {seed}")  # noqa: S311  inputs that can be repeated, no secret
    desk = Desk(world.market, draw, read_bonds(world.data), counterparties=_COUNTERPARTIES, run=f"{seed}.")
    tape = (_dated(trade, world) for trade in read_tape(world.data, trades))
    by_act: dict[Act, list[Report]] = {act: [] for act in seconds}
    for report in play(tape, desk, _MISHAPS, draw):
        after = not isinstance(report.report, TradeExecuted) and draw.random() < late
        by_act[Act.SETTLING if after else Act.TRADING].append(report)
    return {act: _due(reports, seconds[act], draw) for act, reports in by_act.items()}


def _due(reports: Sequence[Report], seconds: float, draw: random.Random) -> list[Due]:
    moments = sorted(draw.uniform(0, seconds) for _ in reports)
    return [Due(at, report) for at, report in zip(moments, reports, strict=True)]


def _dated(trade: TapeTrade, world: World) -> TapeTrade:
    """Move a trade of the tape to the day that is open on its market's calendar."""
    slot = trade.slot
    calendar = world.market.settlement_calendar(slot.mic, slot.instrument_type, trade.trade_date)
    day = world.days.get(calendar or "", trade.trade_date)
    return replace(trade, executed_at=trade.executed_at + (day - trade.trade_date))
