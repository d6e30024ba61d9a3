"""What the ledger's database holds: a run's journals one by one, and the sums of the whole books."""

from collections.abc import Collection
from dataclasses import dataclass

from backoffice_cli.auditor.evidence.databases import Connection, Rows

_JOURNALS = """
    SELECT journal_id, source_event_id, kind, trade_id, trade_version, instruction_id, csd_reference,
           reverses_journal_id, book, isin, line_count, posting_date, recorded_at
    FROM journal WHERE trade_id = ANY($1::uuid[]) ORDER BY xmin::text::bigint, journal_id
"""
# In the order of their transactions, for the clock may have jumped between them, and within one in the order of ids:
# where a row comes to lie says nothing once pages have room again.

_LINES = """
    SELECT j.trade_id, l.journal_id, l.line_number, l.account_code, l.currency, l.amount, j.book
    FROM journal_line l JOIN journal j USING (journal_id) WHERE j.trade_id = ANY($1::uuid[])
"""

_MOVEMENTS = """
    SELECT j.trade_id, m.* FROM stock_movement m JOIN journal j USING (journal_id) WHERE j.trade_id = ANY($1::uuid[])
"""

_BALANCED = "SELECT currency, sum(amount) AS amount, count(*) AS lines FROM journal_line GROUP BY 1"

_UNBALANCED_JOURNALS = """
    SELECT journal_id, currency, sum(amount) AS amount FROM journal_line
    GROUP BY 1, 2 HAVING sum(amount) <> 0
"""

_INCOMPLETE = """
    SELECT j.journal_id, j.trade_id, j.line_count, count(l.journal_id) AS lines,
           EXISTS (SELECT FROM stock_movement m WHERE m.journal_id = j.journal_id) AS moves
    FROM journal j LEFT JOIN journal_line l USING (journal_id) GROUP BY 1, 2, 3
    HAVING count(l.journal_id) <> j.line_count
        OR NOT EXISTS (SELECT FROM stock_movement m WHERE m.journal_id = j.journal_id)
"""

_HOMELESS = """
    SELECT 'journal_line' AS what, journal_id FROM journal_line WHERE journal_id NOT IN (SELECT journal_id FROM journal)
    UNION ALL
    SELECT 'stock_movement', journal_id FROM stock_movement WHERE journal_id NOT IN (SELECT journal_id FROM journal)
"""

_BALANCE_DIFFERENCES = """
    WITH summed AS (
        SELECT l.posting_date, l.account_code, l.currency, j.book, count(*) AS lines,
               coalesce(sum(l.amount) FILTER (WHERE l.amount > 0), 0) AS debit,
               -coalesce(sum(l.amount) FILTER (WHERE l.amount < 0), 0) AS credit
        FROM journal_line l JOIN journal j USING (journal_id) GROUP BY 1, 2, 3, 4
    )
    SELECT posting_date, account_code, currency, book, (s.debit, s.credit, s.lines)::text AS expected,
           (b.debit, b.credit, b.lines)::text AS found
    FROM summed s FULL JOIN account_balance b USING (posting_date, account_code, currency, book)
    WHERE (s.debit, s.credit, s.lines) IS DISTINCT FROM (b.debit, b.credit, b.lines)
"""

_POSITION_DIFFERENCES = """
    WITH summed AS (
        SELECT posting_date, book, isin, sum(trade_date_quantity) AS traded, sum(settled_quantity) AS settled,
               sum(unsettled_quantity) AS unsettled, sum(failing_quantity) AS failing, count(*) AS movements
        FROM stock_movement GROUP BY 1, 2, 3
    )
    SELECT posting_date, book, isin, (s.traded, s.settled, s.unsettled, s.failing, s.movements)::text AS expected,
           (p.trade_date_quantity, p.settled_quantity, p.unsettled_quantity, p.failing_quantity, p.movements)::text
               AS found
    FROM summed s FULL JOIN position_balance p USING (posting_date, book, isin)
    WHERE (s.traded, s.settled, s.unsettled, s.failing, s.movements) IS DISTINCT FROM
          (p.trade_date_quantity, p.settled_quantity, p.unsettled_quantity, p.failing_quantity, p.movements)
"""

_SIZES = """
    SELECT (SELECT count(*) FROM journal) AS journals, (SELECT count(*) FROM account_balance) AS balances,
           (SELECT count(*) FROM position_balance) AS positions
"""


@dataclass(frozen=True, slots=True)
class LedgerRows:
    """Rows of a run's trades by table, in the order of posting; below them what is wrong with the whole books.

    by_currency: sums of all lines. sizes: how many journals, balances and positions there are in all.
    """

    journals: Rows
    lines: Rows
    movements: Rows
    by_currency: Rows
    unbalanced: Rows
    incomplete: Rows
    homeless: Rows
    balance_differences: Rows
    position_differences: Rows
    sizes: Rows


async def read_ledger(connection: Connection, trade_ids: Collection[str]) -> LedgerRows:
    """Read everything about these trades, and check the sums of the whole books."""
    ids = list(trade_ids)
    return LedgerRows(
        journals=await connection.fetch(_JOURNALS, ids),
        lines=await connection.fetch(_LINES, ids),
        movements=await connection.fetch(_MOVEMENTS, ids),
        by_currency=await connection.fetch(_BALANCED),
        unbalanced=await connection.fetch(_UNBALANCED_JOURNALS),
        incomplete=await connection.fetch(_INCOMPLETE),
        homeless=await connection.fetch(_HOMELESS),
        balance_differences=await connection.fetch(_BALANCE_DIFFERENCES),
        position_differences=await connection.fetch(_POSITION_DIFFERENCES),
        sizes=await connection.fetch(_SIZES),
    )
