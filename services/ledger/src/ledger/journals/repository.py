"""Set-based reads and writes of the books on the event path."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.journals.books import TradeBooks, enter, enter_header
from ledger.journals.domain import Journal, JournalKind, Line, Movement, NaturalKey

_KNOW = text(
    """
    INSERT INTO booked_trade (trade_id) SELECT t FROM unnest(CAST(:trade_ids AS uuid[])) AS t ORDER BY t
    ON CONFLICT DO NOTHING
    """
)
_LOCK = text(
    """
    SELECT FROM booked_trade WHERE trade_id = ANY(CAST(:trade_ids AS uuid[]))
    ORDER BY trade_id FOR NO KEY UPDATE
    """
)
_HEADERS = text(
    r"""
    SELECT trade_id\:\:text, trade_version, kind, coalesce(csd_reference, instruction_id), source_event_id\:\:text
    FROM journal WHERE trade_id = ANY(CAST(:trade_ids AS uuid[]))
    """
)
_WHOLE = text(
    r"""
    SELECT j.journal_id\:\:text, j.source_event_id\:\:text, j.kind, j.trade_id\:\:text, j.trade_version,
           j.instruction_id, j.csd_reference, j.reverses_journal_id\:\:text, j.effective_date, j.posting_date,
           j.settlement_calendar, j.entity_lei, j.book, j.isin, m.trade_date_quantity, m.settled_quantity,
           m.unsettled_quantity, m.failing_quantity, l.accounts, l.currencies, l.amounts
    FROM journal j
    JOIN stock_movement m USING (journal_id)
    JOIN LATERAL (
        SELECT array_agg(account_code ORDER BY line_number) AS accounts,
               array_agg(currency ORDER BY line_number) AS currencies,
               array_agg(amount ORDER BY line_number) AS amounts
        FROM journal_line WHERE journal_id = j.journal_id
    ) l ON true
    WHERE j.trade_id = ANY(CAST(:trade_ids AS uuid[]))
    """
)
# One statement posts journals whole: that is what lets the database judge each of them at once.
_POST = text(
    """
    WITH posted AS (
        INSERT INTO journal (journal_id, source_event_id, kind, trade_id, trade_version, instruction_id, csd_reference,
            reverses_journal_id, effective_date, posting_date, settlement_calendar, entity_lei, book, isin, line_count,
            recorded_at)
        SELECT r.*, CAST(:recorded_at AS timestamptz) FROM unnest(CAST(:journal_id AS uuid[]),
            CAST(:source_event_id AS uuid[]), CAST(:kind AS text[]), CAST(:trade_id AS uuid[]),
            CAST(:trade_version AS integer[]), CAST(:instruction_id AS text[]), CAST(:csd_reference AS text[]),
            CAST(:reverses AS uuid[]), CAST(:effective_date AS date[]), CAST(:posting_date AS date[]),
            CAST(:settlement_calendar AS text[]), CAST(:entity_lei AS text[]), CAST(:book AS text[]),
            CAST(:isin AS text[]), CAST(:line_count AS smallint[])) AS r
    ), moved AS (
        INSERT INTO stock_movement (journal_id, book, isin, posting_date, trade_date_quantity, settled_quantity,
            unsettled_quantity, failing_quantity)
        SELECT * FROM unnest(CAST(:journal_id AS uuid[]), CAST(:book AS text[]), CAST(:isin AS text[]),
            CAST(:posting_date AS date[]), CAST(:trade_date AS numeric[]), CAST(:settled AS numeric[]),
            CAST(:unsettled AS numeric[]), CAST(:failing AS numeric[]))
    )
    INSERT INTO journal_line (journal_id, line_number, account_code, currency, amount, posting_date)
    SELECT * FROM unnest(CAST(:line_journal_id AS uuid[]), CAST(:line_number AS smallint[]),
        CAST(:account AS text[]), CAST(:currency AS text[]), CAST(:amount AS numeric[]), CAST(:line_date AS date[]))
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
    connection: AsyncConnection, trade_ids: Collection[str], taking_back: Collection[str]
) -> dict[str, TradeBooks]:
    """Return the books of the trades, locked in the order of their ids until this transaction ends.

    taking_back: those whose journals may have to be taken back; only these and failing ones are read whole.
    """
    wanted = {"trade_ids": sorted(trade_ids)}
    await connection.execute(_KNOW, wanted)
    await connection.execute(_LOCK, wanted)
    books = {trade_id: TradeBooks(trade_id) for trade_id in trade_ids}
    whole = set(taking_back)
    for trade_id, version, kind, reference, source in await connection.execute(_HEADERS, wanted):
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
    return dict(zip(Movement._fields, map(list, zip(*movements, strict=True)), strict=True))


def _line_columns(journals: Iterable[Journal]) -> dict[str, list[Any]]:
    rows = [
        (journal.journal_id, number, *line, journal.posting_date)
        for journal in journals
        for number, line in enumerate(journal.lines, 1)
    ]
    names = ("line_journal_id", "line_number", "account", "currency", "amount", "line_date")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
