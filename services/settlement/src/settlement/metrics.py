"""Every metric of settlement, and how the figures are measured: on what is open alone, which an index finds."""

from collections import Counter
from typing import Final

from sqlalchemy import text

from backoffice_chassis import MOST_ROWS, age_label
from backoffice_events.messaging import UnitOfWork
from backoffice_events.metrics import Declarations
from settlement.exceptions.domain import Kind
from settlement.processes.domain import OPEN_STATES

METRICS: Final = Declarations("settlement")

TRADES: Final = METRICS.gauge(
    "backoffice.settlement.trades",
    unit="{trade}",
    labels=("state",),
    always=[(state,) for state in OPEN_STATES],
    meaning="Trades on their way: AWAITING_INSTRUCTION, INSTRUCTED, PARTIALLY_SETTLED or REJECTED.",
)
UNCONFIRMED: Final = METRICS.gauge(
    "backoffice.settlement.unconfirmed",
    unit="{trade}",
    labels=("confirmation", "age"),
    always=[("UNCONFIRMED", "0"), ("MISMATCHED", "0")],
    meaning="Trades on their way that the counterparty has not confirmed (UNCONFIRMED) or sees differently"
    " (MISMATCHED), by days from the trade date to the open business date.",
)
EXCEPTIONS: Final = METRICS.gauge(
    "backoffice.settlement.exceptions",
    unit="{exception}",
    labels=("kind", "age"),
    always=[(kind, "0") for kind in Kind],
    meaning="Open exceptions, such as UNMATCHED, FAILING or LATE_NOT_INSTRUCTED, by days from the settlement date to"
    " the open business date.",
)
FAILS: Final = METRICS.gauge(
    "backoffice.settlement.fails",
    unit="{instruction}",
    labels=("reason", "age"),
    always=[("other", "0")],
    meaning="Failing instructions, by the CSD's ISO 20022 reason code and days since the settlement date. Reason"
    " `other`: none, or one that is no code.",
)

# The driver keeps the first and the last day of all as infinite: from those no days are counted.
_DAYS: Final = (
    "SELECT calendar, max(business_date) AS today FROM business_day WHERE status = 'OPEN' GROUP BY calendar"
)
_OPEN_TRADES: Final = text(
    f"""
    SELECT state, confirmation, CASE WHEN isfinite(trade_date) THEN today - trade_date END AS days, count(*) AS number
    FROM (
        SELECT state, settlement_calendar, trade_date,
               CASE WHEN confirmed_trade_version < trade_version THEN 'UNCONFIRMED'
                    WHEN confirmed THEN 'CONFIRMED' ELSE 'MISMATCHED' END AS confirmation
        FROM settlement
        WHERE state IN ({", ".join(f"'{state}'" for state in OPEN_STATES)}) AND trade_version > 0
        LIMIT {MOST_ROWS}
    ) open_trade
    LEFT JOIN ({_DAYS}) day ON day.calendar = settlement_calendar
    GROUP BY 1, 2, 3
    """  # noqa: S608  constants of ours
)
_OPEN_EXCEPTIONS: Final = text(
    f"""
    SELECT kind, coalesce(settlement_reason, matching_reason, processing_reason) AS reason,
           CASE WHEN isfinite(open_exception.settlement_date) THEN today - open_exception.settlement_date END AS days,
           count(*) AS number
    FROM (
        SELECT kind, instruction_id, settlement_calendar, settlement_date
        FROM settlement_exception WHERE status = 'OPEN' LIMIT {MOST_ROWS}
    ) open_exception
    LEFT JOIN instruction USING (instruction_id)
    LEFT JOIN ({_DAYS}) day ON day.calendar = open_exception.settlement_calendar
    GROUP BY 1, 2, 3
    """  # noqa: S608  constants of ours
)


async def measure(unit: UnitOfWork) -> None:
    """Count the trades on their way and the open exceptions."""
    await _measure_trades(unit)
    await _measure_exceptions(unit)


async def _measure_trades(unit: UnitOfWork) -> None:
    trades, unconfirmed = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for row in await unit.connection.execute(_OPEN_TRADES):
        trades[row.state,] += row.number
        if row.confirmation != "CONFIRMED":
            unconfirmed[row.confirmation, age_label(row.days)] += row.number
    TRADES.show(trades)
    UNCONFIRMED.show(unconfirmed)


async def _measure_exceptions(unit: UnitOfWork) -> None:
    exceptions, fails = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for row in await unit.connection.execute(_OPEN_EXCEPTIONS):
        age = age_label(row.days)
        exceptions[row.kind, age] += row.number
        if row.kind == Kind.FAILING:
            fails[_code(row.reason), age] += row.number
    EXCEPTIONS.show(exceptions)
    FAILS.show(fails)


def _code(reason: str | None) -> str:
    """Return a reason code; whatever else the CSD writes there must not make a series of its own."""
    is_code = reason is not None and len(reason) == 4 and reason.isascii() and reason.isalnum()
    return str(reason) if is_code else "other"
