"""Every metric of trade-capture, and how the figures are measured: on open days and unfinished repairs alone."""

from collections import Counter
from typing import Final

from sqlalchemy import func, select, text

from backoffice_chassis import MOST_ROWS, age_label
from backoffice_events.messaging import UnitOfWork
from backoffice_events.metrics import Declarations
from trade_capture.reference.tables import business_day
from trade_capture.trades.domain import stp
from trade_capture.trades.metrics import captured_rows

METRICS: Final = Declarations("trade_capture")

TRADES: Final = METRICS.gauge(
    "backoffice.trade_capture.trades",
    unit="{trade}",
    labels=("measure",),
    meaning="Trades of the open business dates, cancelled ones left out: captured, entered (without a person's help),"
    " confirmed, straight_through (entered, and confirmed at the first try); received: captured, or unfinished in"
    " repair.",
)
RATES: Final = METRICS.gauge(
    "backoffice.trade_capture.rate",
    unit="1",
    labels=("rate",),
    meaning="Shares of those trades, from 0 to 1: stp (straight_through of received), entry (entered of received),"
    " repair, confirmation (confirmed of captured).",
)
REPAIRS: Final = METRICS.gauge(
    "backoffice.trade_capture.repairs",
    unit="{entry}",
    labels=("status", "age"),
    always=[("OPEN", "0"), ("WAITING", "0")],
    meaning="Unfinished entries of the repair queue: OPEN, or WAITING for an earlier version, by days since they came.",
)

_OPEN_DATES: Final = select(
    func.min(business_day.c.business_date), func.max(business_day.c.business_date)
).where(business_day.c.status == "OPEN")
_UNFINISHED: Final = text(
    rf"""
    SELECT status, floor(extract(epoch FROM :now - received_at) / 86400)\:\:int AS days, count(*) AS number
    FROM (
        SELECT status, received_at FROM repair_entry WHERE status IN ('OPEN', 'WAITING') LIMIT {MOST_ROWS}
    ) unfinished
    GROUP BY 1, 2
    """  # noqa: S608  constants of ours
)
_NEVER_CAPTURED: Final = text(
    f"""
    SELECT count(DISTINCT (source_system, trade_reference))
    FROM (
        SELECT source_system, trade_reference FROM repair_entry
        WHERE status IN ('OPEN', 'WAITING') LIMIT {MOST_ROWS}
    ) unfinished
    WHERE NOT EXISTS (
        SELECT FROM trade
        WHERE trade.source_system = unfinished.source_system
            AND trade.trade_reference = unfinished.trade_reference
    )
    """  # noqa: S608  constants of ours
)
"""A trade counts once, however many of its versions wait."""


async def measure(unit: UnitOfWork) -> None:
    """Count the unfinished repairs, then the trades of the open business dates."""
    await _measure_repairs(unit)
    first, last = (await unit.connection.execute(_OPEN_DATES)).one()
    if first is None:
        return
    in_repair = stp.Row(
        currency=None,
        repaired=True,
        captured=False,
        confirmed=False,
        touched_in_confirmation=False,
        count=(await unit.connection.execute(_NEVER_CAPTURED)).scalar_one(),
        value=None,
    )
    measured = stp.measures([*await captured_rows(unit.connection, first, last), in_repair])
    TRADES.show({(name,): measure.count for name, measure in measured.items() if name != "repaired"})
    rates = {name: rate.count for name, rate in stp.rates(measured).items()}
    RATES.show({(name,): float(share) for name, share in rates.items() if share is not None})


async def _measure_repairs(unit: UnitOfWork) -> None:
    repairs = Counter[tuple[str, ...]]()
    for row in await unit.connection.execute(_UNFINISHED, {"now": unit.now}):
        repairs[row.status, age_label(max(0, row.days))] += row.number
    REPAIRS.show(repairs)
