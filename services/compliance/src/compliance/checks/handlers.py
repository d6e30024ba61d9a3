"""Trades in, decisions out: a batch is read, judged in memory and written with a few statements."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.trading import Trade, TradeAmended, TradeCancelled, TradeCaptured
from backoffice_events.messaging import Batch, ConsumerSpec, UnitOfWork
from compliance.cases import repository as cases
from compliance.cases.domain import Opening
from compliance.checks import repository
from compliance.checks.announcements import announcement
from compliance.checks.assessment import Assessment, Copies, Decision, Knowledge, Seen
from compliance.checks.domain import Status
from compliance.reference import repository as reference
from compliance.rules.repository import RulebookReader
from compliance.screening import repository as screening
from compliance.screening.algorithm import ALGORITHM

WAITING_AT_A_TIME = 2000


class Judge:
    """Handles the trades that come, and those that waited."""

    def __init__(self, rulebook: RulebookReader) -> None:
        self._rulebook = rulebook

    async def on_trades(self, batch: Batch) -> None:
        """Judge captured and amended trades in their order; take cancelled ones out."""
        taken = [(received, Seen.of(received.event.trade)) for received in batch.events]
        known = await self._learn(batch.connection, [seen for _, seen in taken])
        assessment = Assessment(known, batch.now)
        for received, seen in taken:
            if isinstance(received.event, TradeCancelled):
                assessment.cancel(seen)
            elif decided := assessment.judge(seen):
                batch.publish(announcement(decided), cause=received)
        await _write(batch, known, assessment)

    async def on_waiting(self, unit: UnitOfWork) -> None:
        """Judge the trades that waited for reference data which has come, or whose deadline has."""
        if not await repository.waiting_trades(unit.connection, 1):
            return
        await repository.take_turns(unit.connection)
        waited = await repository.waiting_trades(unit.connection, WAITING_AT_A_TIME)
        trades = [each.trade for each in waited]
        copies = await self._copies(unit.connection, trades, {trade.isin for trade in trades})
        waited = [each for each in waited if unit.now >= each.deadline or not copies.missing(each.trade)]
        if not waited:
            return
        known = await self._learn(unit.connection, [Seen.of(each.trade) for each in waited])
        assessment = Assessment(known, unit.now)
        for each in waited:
            if decided := assessment.judge_again(each):
                unit.publish(announcement(decided))
        await _write(unit, known, assessment)

    def consumer(self) -> ConsumerSpec:
        """Declare which events are judged."""
        return ConsumerSpec(
            group="compliance.trades",
            contracts=(TradeCaptured, TradeAmended, TradeCancelled),
            handle=self.on_trades,
        )

    async def _learn(self, connection: AsyncConnection, taken: Sequence[Seen]) -> Knowledge:
        trades = [seen.trade for seen in taken]
        await repository.take_turns(connection)
        held = await repository.states(connection, [trade.trade_id for trade in trades])
        cleared = await repository.cleared_before(connection, held.values())
        touched = [seen.contribution for seen in taken] + [state.contribution for state in held.values()]
        touched += cleared.values()
        return Knowledge(
            rulebook=await self._rulebook.current(connection),
            copies=await self._copies(connection, trades, {each.isin for each in touched}),
            positions=await repository.positions(connection, touched),
            trades=held,
            twins=await repository.twins(connection, [seen.fingerprint for seen in taken]),
            cleared=cleared,
        )

    async def _copies(
        self, connection: AsyncConnection, trades: Sequence[Trade], isins: Collection[str]
    ) -> Copies:
        """Return what the trades refer to. isins: of the trades and of what earlier versions of them traded."""
        lists = await screening.current_lists(connection)
        parties = {trade.counterparty_lei for trade in trades}
        return Copies(
            instruments=await reference.instruments(connection, isins),
            employees=await reference.employees(connection, {trade.trader for trade in trades}),
            screenings=await screening.current_screenings(
                connection, parties, screening.basis_of(lists, ALGORITHM)
            ),
        )


async def _write(unit: UnitOfWork, known: Knowledge, assessment: Assessment) -> None:
    openings = [_opening(decided) for decided in assessment.decisions if decided.status is Status.HELD]
    await repository.save_decisions(unit.connection, assessment.decisions)
    await cases.open_cases(unit.connection, openings, unit.now)
    await cases.close_cases(unit.connection, assessment.closures, unit.now)
    await repository.save_states(unit.connection, list(assessment.touched.values()))
    await repository.save_waiting(unit.connection, assessment.waiting)
    await repository.save_positions(unit.connection, known.positions)


def _opening(decided: Decision) -> Opening:
    return Opening(
        case_id=decided.case_id or "",
        trade_id=decided.trade_id,
        trade_version=decided.trade_version,
        decision_id=decided.decision_id,
        reasons=decided.reasons,
    )
