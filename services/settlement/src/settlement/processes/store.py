"""From locked settlements to cases, and from changed cases back to the database and the outbox."""

from collections.abc import Callable, Iterable, Sequence

from backoffice_events.messaging import UnitOfWork
from settlement.exceptions import repository as exceptions
from settlement.history import repository as history
from settlement.instructions import repository as instructions
from settlement.processes import repository
from settlement.processes.case import Case
from settlement.processes.domain import Settlement

Locked = tuple[list[Settlement], list[str]]


async def cases_of(unit: UnitOfWork, locked: Locked) -> dict[str, Case]:
    """Return the locked settlements as cases by trade, each with its instructions."""
    settlements, instructed = locked
    known = await instructions.of_trades(unit.connection, instructed)
    for settlement in settlements:
        settlement.instructions = known.get(settlement.trade_id, [])
    return {settlement.trade_id: Case(settlement) for settlement in settlements}


async def change(unit: UnitOfWork, trade_ids: Iterable[str], apply: Callable[[Case], None]) -> None:
    """Apply events to the settlements of these trades, making those that are not known yet, and write them.

    apply: takes one case through all its events; called again on the stored settlement when another transaction
    created it meanwhile.
    """
    wanted = set(trade_ids)
    while wanted:
        cases = await cases_of(unit, await repository.lock_by_trade(unit.connection, wanted))
        new = [Case(Settlement(trade_id)) for trade_id in sorted(wanted - cases.keys())]
        for case in (*cases.values(), *new):
            apply(case)
        created = await repository.create(unit.connection, new, unit.now)
        mine = [case for case in new if case.settlement.trade_id in created]
        await write(unit, list(cases.values()), created=mine)
        wanted = {case.settlement.trade_id for case in new} - created


async def write(unit: UnitOfWork, cases: Sequence[Case], *, created: Sequence[Case] = ()) -> None:
    """Write what changed and publish what leaves. created: cases whose row is stored already."""
    connection, now = unit.connection, unit.now
    everything = (*cases, *created)
    await repository.update(connection, cases, now)
    await _write_instructions(unit, everything)
    await instructions.record_confirmations(
        connection, [one for case in everything for one in case.confirmations], now
    )
    await _write_exceptions(unit, everything)
    await history.append(connection, [entry for case in everything for entry in case.history], now)
    for case in everything:
        for event, cause in case.outgoing:
            unit.publish(event, cause=cause)


async def _write_instructions(unit: UnitOfWork, cases: Sequence[Case]) -> None:
    """First end the old ones, then store the new: the database holds that one is live at a time."""
    new = {one.instruction_id: one for case in cases for one in case.new_instructions}
    changed = {key: change for case in cases for key, change in case.changed_instructions.items()}
    await instructions.update(unit.connection, [one for key, one in changed.items() if key not in new])
    await instructions.create(unit.connection, new.values(), unit.now)
    await instructions.update(unit.connection, [one for key, one in changed.items() if key in new])


async def _write_exceptions(unit: UnitOfWork, cases: Sequence[Case]) -> None:
    ended = [(case.settlement.trade_id, kind) for case in cases for kind in case.closed]
    found = [(case.settlement, condition) for case in cases for condition in case.opened]
    still = [(case.settlement, condition) for case in cases for condition in case.restated]
    await exceptions.close(unit.connection, ended, unit.now)
    await exceptions.open_(unit.connection, found, unit.now)
    await exceptions.restate(unit.connection, still, unit.now)
