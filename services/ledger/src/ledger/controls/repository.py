"""Control queries: they read lines and movements themselves, and compare them with the rollups."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import PageRequest, fetch_page
from ledger.accounts import domain as chart
from ledger.journals.tables import booked_trade

_COUNTS: Final = text(
    """
    SELECT (SELECT count(*) FROM booked_trade) AS trades,
           count(*) AS journals,
           count(*) FILTER (WHERE reverses_journal_id IS NOT NULL) AS reversals,
           (SELECT count(*) FROM journal_line) AS lines,
           (SELECT count(*) FROM stock_movement) AS movements,
           count(*) - count(DISTINCT (source_event_id, reverses_journal_id))
               + count(*) - count(DISTINCT (trade_id, trade_version, kind, coalesce(csd_reference, instruction_id),
                                            reverses_journal_id))
               AS duplicates
    FROM journal
    """
)
_UNBALANCED: Final = text(
    r"""
    SELECT DISTINCT journal_id\:\:text FROM (
        SELECT journal_id FROM journal_line GROUP BY journal_id, currency HAVING sum(amount) <> 0
    ) unbalanced ORDER BY 1 LIMIT 100
    """
)
_INCOMPLETE: Final = text(
    """
    SELECT count(*) FROM journal j
    LEFT JOIN (SELECT journal_id, count(*) AS lines FROM journal_line GROUP BY 1) l USING (journal_id)
    LEFT JOIN stock_movement m USING (journal_id)
    WHERE l.lines IS DISTINCT FROM j.line_count OR m.journal_id IS NULL
    """
)
_BALANCE_DIFFERENCES: Final = text(
    """
    SELECT concat_ws(' ', posting_date, account_code, currency, book) AS key,
           CASE WHEN r.lines IS NULL THEN 'nothing'
                ELSE concat('debit ', r.debit, ', credit ', r.credit, ', lines ', r.lines) END AS rollup,
           CASE WHEN l.lines IS NULL THEN 'nothing'
                ELSE concat('debit ', l.debit, ', credit ', l.credit, ', lines ', l.lines) END AS lines
    FROM account_balance r
    FULL JOIN (
        SELECT l.posting_date, l.account_code, l.currency, j.book, count(*) AS lines,
               coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS debit,
               -coalesce(sum(amount) FILTER (WHERE amount < 0), 0) AS credit
        FROM journal_line l JOIN journal j USING (journal_id) GROUP BY 1, 2, 3, 4
    ) l USING (posting_date, account_code, currency, book)
    WHERE (r.debit, r.credit, r.lines) IS DISTINCT FROM (l.debit, l.credit, l.lines)
    ORDER BY 1 LIMIT 100
    """
)
_POSITION_DIFFERENCES: Final = text(
    """
    SELECT concat_ws(' ', posting_date, book, isin) AS key,
           CASE WHEN r.movements IS NULL THEN 'nothing'
                ELSE concat('trade date ', r.traded, ', settled ', r.settled, ', unsettled ', r.unsettled,
                            ', failing ', r.failing, ', movements ', r.movements) END AS rollup,
           CASE WHEN m.movements IS NULL THEN 'nothing'
                ELSE concat('trade date ', m.traded, ', settled ', m.settled, ', unsettled ', m.unsettled,
                            ', failing ', m.failing, ', movements ', m.movements) END AS lines
    FROM (
        SELECT posting_date, book, isin, trade_date_quantity AS traded, settled_quantity AS settled,
               unsettled_quantity AS unsettled, failing_quantity AS failing, movements
        FROM position_balance
    ) r
    FULL JOIN (
        SELECT posting_date, book, isin, sum(trade_date_quantity) AS traded, sum(settled_quantity) AS settled,
               sum(unsettled_quantity) AS unsettled, sum(failing_quantity) AS failing, count(*) AS movements
        FROM stock_movement GROUP BY 1, 2, 3
    ) m USING (posting_date, book, isin)
    WHERE (r.traded, r.settled, r.unsettled, r.failing, r.movements)
        IS DISTINCT FROM (m.traded, m.settled, m.unsettled, m.failing, m.movements)
    ORDER BY 1 LIMIT 100
    """
)
_POSITIONS_ADD_UP: Final = text(
    """
    SELECT NOT EXISTS (
        SELECT FROM position_balance GROUP BY book, isin
        HAVING sum(trade_date_quantity) <> sum(settled_quantity) + sum(unsettled_quantity) + sum(failing_quantity))
    """
)
_CURRENCIES: Final = text(
    f"""
    SELECT currency, sum(amount) FILTER (WHERE amount > 0) AS debit, -sum(amount) FILTER (WHERE amount < 0) AS credit,
           sum(amount) FILTER (WHERE account_code = '{chart.CASH}') AS cash,
           sum(amount) FILTER (WHERE account_code = '{chart.RECEIVABLE_UNSETTLED}') AS receivable_unsettled,
           sum(amount) FILTER (WHERE account_code = '{chart.PAYABLE_UNSETTLED}') AS payable_unsettled,
           sum(amount) FILTER (WHERE account_code = '{chart.FAILS_TO_DELIVER}') AS fails_to_deliver,
           sum(amount) FILTER (WHERE account_code = '{chart.FAILS_TO_RECEIVE}') AS fails_to_receive
    FROM journal_line GROUP BY currency ORDER BY currency
    """  # noqa: S608  account codes are constants of ours
)
_TRADE_JOURNALS: Final = text(
    r"""
    SELECT trade_id\:\:text, journal_id, kind, trade_version, source_event_id, csd_reference,
           reverses_journal_id AS reverses, posting_date, recorded_at
    FROM journals_of(CAST(:trade_ids AS uuid[])) ORDER BY journal_id
    """
)
_TRADE_QUANTITIES: Final = text(
    r"""
    SELECT j.trade_id\:\:text, sum(m.trade_date_quantity) AS trade_date_quantity,
           sum(m.settled_quantity) AS settled_quantity, sum(m.unsettled_quantity) AS unsettled_quantity,
           sum(m.failing_quantity) AS failing_quantity
    FROM journals_of(CAST(:trade_ids AS uuid[])) j JOIN stock_movement m USING (journal_id) GROUP BY 1
    """
)
_TRADE_AMOUNTS: Final = text(
    rf"""
    SELECT j.trade_id\:\:text, l.currency,
           coalesce(sum(l.amount) FILTER (WHERE l.account_code IN {chart.UNSETTLED}), 0) AS unsettled,
           coalesce(sum(l.amount) FILTER (WHERE l.account_code IN {chart.FAILS}), 0) AS fails,
           coalesce(sum(l.amount) FILTER (WHERE l.account_code = '{chart.CASH}'), 0) AS cash
    FROM journals_of(CAST(:trade_ids AS uuid[])) j JOIN journal_line l USING (journal_id) GROUP BY 1, 2 ORDER BY 1, 2
    """  # noqa: S608  account codes are constants of ours
)


async def counts(connection: AsyncConnection) -> Row[Any]:
    """Return how many trades, journals, lines, movements, reversals and duplicates there are."""
    return (await connection.execute(_COUNTS)).one()


async def unbalanced_journals(connection: AsyncConnection) -> list[str]:
    """Return the first hundred journals that do not balance in some currency."""
    return list(await connection.scalars(_UNBALANCED))


async def incomplete_journals(connection: AsyncConnection) -> int:
    """Return how many journals lack lines or their movement."""
    return int((await connection.execute(_INCOMPLETE)).scalar_one())


async def balance_differences(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return the first hundred keys under which the balances are not the sum of the lines."""
    return (await connection.execute(_BALANCE_DIFFERENCES)).all()


async def position_differences(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return the first hundred keys under which the positions are not the sum of the movements."""
    return (await connection.execute(_POSITION_DIFFERENCES)).all()


async def positions_add_up(connection: AsyncConnection) -> bool:
    """Return whether settled + unsettled + failing = trade-date in every position."""
    return bool((await connection.execute(_POSITIONS_ADD_UP)).scalar_one())


async def currencies(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Return debits, credits and what is in flight of each currency, from the lines."""
    return (await connection.execute(_CURRENCIES)).all()


async def trade_ids(connection: AsyncConnection, page: PageRequest) -> tuple[list[str], str | None]:
    """Return one page of the trades that the books know."""
    rows, cursor = await fetch_page(connection, select(booked_trade), [booked_trade.c.trade_id], page)
    return [row.trade_id for row in rows], cursor


async def trade_journals(connection: AsyncConnection, trades: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the journals of the trades, in the order they were posted."""
    return await _of_trades(connection, _TRADE_JOURNALS, trades)


async def trade_quantities(connection: AsyncConnection, trades: Sequence[str]) -> Sequence[Row[Any]]:
    """Return what the movements of each trade add up to."""
    return await _of_trades(connection, _TRADE_QUANTITIES, trades)


async def trade_amounts(connection: AsyncConnection, trades: Sequence[str]) -> Sequence[Row[Any]]:
    """Return what the lines of each trade leave unsettled, failing and in cash, by currency."""
    return await _of_trades(connection, _TRADE_AMOUNTS, trades)


async def _of_trades(
    connection: AsyncConnection, query: TextClause, trades: Sequence[str]
) -> Sequence[Row[Any]]:
    return (await connection.execute(query, {"trade_ids": trades})).all()
