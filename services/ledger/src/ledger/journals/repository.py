"""Set-based reads and writes of the books on the event path."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.journals.books import TradeBooks, enter, enter_header
from ledger.journals.domain import Journal, JournalKind, Line, Movement, NaturalKey

_LOCK = text("SELECT * FROM lock_books(CAST(:trade_ids AS uuid[]))")
_WHOLE = text(
    r"""
    SELECT j.journal_id\:\:text, j.source_event_id\:\:text, j.kind, j.trade_id\:\:text, j.trade_version,
           j.instruction_id, j.csd_reference, j.reverses_journal_id\:\:text, j.effective_date, j.posting_date,
           j.settlement_calendar, j.entity_lei, j.book, j.isin, m.trade_date_quantity, m.settled_quantity,
           m.unsettled_quantity, m.failing_quantity, l.accounts, l.currencies, l.amounts
    FROM journals_of(CAST(:trade_ids AS uuid[])) j
    JOIN stock_movement m USING (journal_id)
    JOIN LATERAL (
        SELECT array_agg(account_code ORDER BY line_number) AS accounts,
               array_agg(currency ORDER BY line_number) AS currencies,
               array_agg(amount ORDER BY line_number) AS amounts
        FROM journal_line WHERE journal_id = j.journal_id
    ) l ON true
    """
)
# One statement posts journals whole: that is what lets the database judge each of them at once. Arrays are taken apart
# side by side in the SELECT list: from a FROM clause each would be stored first. Numbers go as text: the driver takes a
# third of the time to pass them on, and the database hardly more to read them.
_POST = text(
    """
    WITH posted AS (
        INSERT INTO journal (journal_id, source_event_id, kind, trade_id, trade_version, instruction_id, csd_reference,
            reverses_journal_id, effective_date, posting_date, settlement_calendar, entity_lei, book, isin, line_count,
            recorded_at)
        SELECT unnest(CAST(:journal_id AS uuid[])), unnest(CAST(:source_event_id AS uuid[])),
            unnest(CAST(:kind AS text[])), unnest(CAST(:trade_id AS uuid[])), unnest(CAST(:trade_version AS integer[])),
            unnest(CAST(:instruction_id AS text[])), unnest(CAST(:csd_reference AS text[])),
            unnest(CAST(:reverses AS uuid[])), unnest(CAST(:effective_date AS date[])),
            unnest(CAST(:posting_date AS date[])), unnest(CAST(:settlement_calendar AS text[])),
            unnest(CAST(:entity_lei AS text[])), unnest(CAST(:book AS text[])), unnest(CAST(:isin AS text[])),
            unnest(CAST(:line_count AS smallint[])), CAST(:recorded_at AS timestamptz)
    ), moved AS (
        INSERT INTO stock_movement (journal_id, book, isin, posting_date, trade_date_quantity, settled_quantity,
            unsettled_quantity, failing_quantity)
        SELECT unnest(CAST(:journal_id AS uuid[])), unnest(CAST(:book AS text[])), unnest(CAST(:isin AS text[])),
            unnest(CAST(:posting_date AS date[])), CAST(unnest(CAST(:trade_date AS text[])) AS numeric),
            CAST(unnest(CAST(:settled AS text[])) AS numeric), CAST(unnest(CAST(:unsettled AS text[])) AS numeric),
            CAST(unnest(CAST(:failing AS text[])) AS numeric)
    )
    INSERT INTO journal_line (journal_id, line_number, account_code, currency, amount, posting_date)
    SELECT unnest(CAST(:line_journal_id AS uuid[])), unnest(CAST(:line_number AS smallint[])),
        unnest(CAST(:account AS text[])), unnest(CAST(:currency AS text[])),
        CAST(unnest(CAST(:amount AS text[])) AS numeric), unnest(CAST(:line_date AS date[]))
    """
)

_HEADER_FIELDS: Final = (
    "journal_id",
    "source_event_id",
    "kind",
    "trade_id",
    "trade_version",
    "instruction_id",
    "csd_reference",
    "reverses",
    "effective_date",
    "posting_date",
    "settlement_calendar",
    "entity_lei",
    "book",
    "isin",
)
_ENTRY_ORDER: Final = (
    JournalKind.TRADE_DATE,
    JournalKind.FAILING,
    JournalKind.SETTLEMENT,
    JournalKind.REVERSAL,
    JournalKind.RELEASE,
)


async def lock_books(
    connection: AsyncConnection, trade_ids: Collection[str], in_full: Collection[str]
) -> dict[str, TradeBooks]:
    """Return the books of the trades, locked in the order of their ids until this transaction ends.

    in_full: those of which more counts than which journals there are; only these and failing ones are read whole.
    """
    locked = await connection.execute(_LOCK, {"trade_ids": list(trade_ids)})
    books = {trade_id: TradeBooks(trade_id) for trade_id in trade_ids}
    whole = set(in_full)
    for trade_id, version, kind, reference, source in locked:
        enter_header(books[trade_id], NaturalKey(version, JournalKind(kind), reference), source)
        if kind == JournalKind.FAILING:
            whole.add(trade_id)
    if whole:
        await _enter_whole(connection, books, whole)
    return books


async def _enter_whole(connection: AsyncConnection, books: dict[str, TradeBooks], whole: set[str]) -> None:
    rows = (await connection.execute(_WHOLE, {"trade_ids": sorted(whole)})).all()
    journals = sorted(
        map(_journal, rows), key=lambda each: (_ENTRY_ORDER.index(each.kind), each.trade_version)
    )
    for journal in journals:
        enter(books[journal.trade_id], journal)


def _journal(row: Row[Any]) -> Journal:
    return Journal(
        journal_id=row.journal_id,
        source_event_id=row.source_event_id,
        kind=JournalKind(row.kind),
        trade_id=row.trade_id,
        trade_version=row.trade_version,
        instruction_id=row.instruction_id,
        csd_reference=row.csd_reference,
        reverses=row.reverses_journal_id,
        effective_date=row.effective_date,
        posting_date=row.posting_date,
        settlement_calendar=row.settlement_calendar,
        entity_lei=row.entity_lei,
        book=row.book,
        isin=row.isin,
        lines=tuple(map(Line, row.accounts, row.currencies, row.amounts)),
        movement=Movement(
            row.trade_date_quantity, row.settled_quantity, row.unsettled_quantity, row.failing_quantity
        ),
    )


async def post(connection: AsyncConnection, journals: Sequence[Journal], recorded_at: datetime) -> None:
    """Post journals, all or none. Raises IntegrityError or DBAPIError (class BO) when the database refuses one."""
    if not journals:
        return
    columns: dict[str, Any] = {name: [getattr(each, name) for each in journals] for name in _HEADER_FIELDS}
    columns |= _movement_columns([journal.movement for journal in journals])
    columns |= _line_columns(journals)
    columns["line_count"] = [len(journal.lines) for journal in journals]
    columns["recorded_at"] = recorded_at
    await connection.execute(_POST, columns)


def _movement_columns(movements: Iterable[Movement]) -> dict[str, list[Any]]:
    columns = zip(*movements, strict=True)
    return {name: list(map(str, column)) for name, column in zip(Movement._fields, columns, strict=True)}


def _line_columns(journals: Iterable[Journal]) -> dict[str, list[Any]]:
    rows = [
        (journal.journal_id, number, line.account, line.currency, str(line.amount), journal.posting_date)
        for journal in journals
        for number, line in enumerate(journal.lines, 1)
    ]
    names = ("line_journal_id", "line_number", "account", "currency", "amount", "line_date")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
