"""From statements to captured trades: the one path that Kafka, the API and the repair queue share."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from backoffice_chassis.secrecy.transit import event_keys_of, sealed
from backoffice_events.contracts.trading import Trade
from backoffice_events.messaging import UnitOfWork
from trade_capture.confirmation.rematch import NOTHING_KNOWN, Known, Matchable, our_side, rematch
from trade_capture.confirmation.repository import confirmations_of
from trade_capture.reference.cache import ReferenceCache
from trade_capture.reference.domain import ReferenceData
from trade_capture.repair import repository as repairs
from trade_capture.trades import repository
from trade_capture.trades.domain import Enricher, Execution, ExecutionKey, key_of
from trade_capture.trades.intake import Intake
from trade_capture.trades.submission import Outcome, Submission, Tracked, remember

CAPTURED = "CAPTURED"
CANCELLED = "CANCELLED"

T = TypeVar("T")


class Capture:
    """Takes statements in, judged by the reference data of the moment.

    max_trade_age: settlement days that a new trade may lie behind the open business date.
    max_settlement_lag: days that an agreed settlement date may lie behind the trade date.
    """

    def __init__(self, reference: ReferenceCache, *, max_trade_age: int, max_settlement_lag: int) -> None:
        self._reference = reference
        self._max_trade_age = max_trade_age
        self._max_settlement_lag = max_settlement_lag

    async def take_in(self, unit: UnitOfWork, submissions: Sequence[Submission]) -> list[Outcome]:
        """Take statements in, in the order given; return what became of each."""
        versions = [(key_of(each.statement), each.statement.version) for each in submissions]
        return await self.decide(unit, versions, lambda intake: [intake.submit(each) for each in submissions])

    async def decide(
        self,
        unit: UnitOfWork,
        versions: Sequence[tuple[ExecutionKey, int | None]],
        decision: Callable[[Intake], T],
    ) -> T:
        """Lock and load the executions of these versions, let `decision` act on them, and write what it led to."""
        keys = list(dict.fromkeys(key for key, _ in versions))
        await repository.lock_executions(unit.connection, keys)
        reference = await self._reference.load(unit.connection)
        enricher = Enricher(
            reference,
            max_trade_age=self._max_trade_age,
            max_settlement_lag=self._max_settlement_lag,
        )
        intake = Intake(enricher, unit.now, await _load(unit, keys, versions))
        decided = decision(intake)
        await _save(unit, intake, reference)
        return decided


async def _load(
    unit: UnitOfWork, keys: Collection[ExecutionKey], versions: Iterable[tuple[ExecutionKey, int | None]]
) -> dict[ExecutionKey, Tracked]:
    tracked = {key: Tracked(Execution()) for key in keys}
    rows = await repository.standings(unit.connection, keys)
    if rows:
        states = await repository.states(unit.connection, [row.trade_id for row in rows])
        for row in rows:
            each = tracked[ExecutionKey(row.source_system, row.trade_reference)]
            each.new, each.repaired = False, row.repaired
            each.execution = Execution(
                states[row.trade_id], cancelled=row.status == CANCELLED, source_version=row.source_version
            )
        await _load_used_versions(unit, tracked, versions)
    for entry in await repairs.entries_of(unit.connection, keys):
        remember(tracked[entry.key], entry)
    return tracked


async def _load_used_versions(
    unit: UnitOfWork,
    tracked: dict[ExecutionKey, Tracked],
    versions: Iterable[tuple[ExecutionKey, int | None]],
) -> None:
    """Load what was stated before under the versions that came again."""
    used = {}
    for key, version in versions:
        execution = tracked[key].execution
        if execution.trade is not None and version is not None and version <= execution.source_version:
            used[execution.trade.trade_id, version] = execution
    if used:
        for (trade_id, version), statement in (await repository.statements(unit.connection, used)).items():
            used[trade_id, version].stated[version] = statement


async def _save(unit: UnitOfWork, intake: Intake, reference: ReferenceData) -> None:
    keys = event_keys_of(unit.connection)
    for event, cause in intake.events:
        unit.publish(sealed(event, keys), cause=cause)
    known = await _match(unit, intake)
    await _save_trades(unit, intake, known)
    await repository.insert_versions(unit.connection, intake.versions)
    await repository.insert_resends(unit.connection, intake.resends)
    await repairs.insert_entries(unit.connection, list(intake.new_entries.values()), reference)
    await repairs.update_entries(unit.connection, list(intake.changed_entries.values()), reference, unit.now)
    await repairs.insert_steps(unit.connection, intake.steps, unit.now)


async def _match(unit: UnitOfWork, intake: Intake) -> dict[str, Known]:
    """Match every live trade whose terms are new; a cancelled one has nothing left to confirm."""
    live = [
        Matchable(key, our_side(each.execution.trade), NOTHING_KNOWN, each.cause)
        for key, each in intake.tracked.items()
        if each.changed and each.execution.trade is not None and not each.execution.cancelled
    ]
    if not live:
        return {}
    return await rematch(unit, live, await confirmations_of(unit.connection, [each.key for each in live]))


async def _save_trades(unit: UnitOfWork, intake: Intake, known: dict[str, Known]) -> None:
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    restated: list[dict[str, Any]] = []
    for each in intake.tracked.values():
        trade = each.execution.trade
        if trade is None or not each.advanced:
            continue
        if each.changed:
            row = _row(trade, each, known.get(trade.trade_id, NOTHING_KNOWN))
            row["updated_at"] = unit.now
            if each.new:
                row["captured_at"] = unit.now
            (new if each.new else changed).append(row)
        else:
            restated.append({"trade_id": trade.trade_id, "source_version": each.execution.source_version})
    await repository.insert_trades(unit.connection, new)
    await repository.update_trades(unit.connection, changed)
    await repository.update_trades(unit.connection, restated)


def _row(trade: Trade, tracked: Tracked, known: Known) -> dict[str, Any]:
    execution = tracked.execution
    return {
        "trade_id": trade.trade_id,
        "source_system": trade.source_system,
        "trade_reference": trade.trade_reference,
        "version": trade.version,
        "source_version": execution.source_version,
        "status": CANCELLED if execution.cancelled else CAPTURED,
        "repaired": tracked.repaired,
        "side": trade.side,
        "isin": trade.isin,
        "mic": trade.mic,
        "instrument_type": trade.instrument_type,
        "quantity": trade.quantity,
        "price": trade.price,
        "currency": trade.currency,
        "gross_amount": trade.gross_amount,
        "net_amount": trade.net_amount,
        "trade_date": trade.trade_date,
        "settlement_date": trade.settlement_date,
        "settlement_calendar": trade.settlement_calendar,
        "book": trade.book,
        "trader": trade.trader,
        "counterparty_lei": trade.counterparty_lei,
        **known.columns(),
    }
