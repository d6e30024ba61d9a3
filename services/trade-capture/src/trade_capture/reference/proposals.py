"""Changes of standing settlement instructions: one person proposes, another decides (four eyes).

A wrong or forged instruction sends securities and money to a stranger. The first instruction for a party, place of
settlement and currency is taken at once, so that a firm can load its book of instructions; whatever changes one
afterwards waits for a second person.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import Problem, conflict, not_found
from backoffice_events.ids import new_id
from backoffice_events.messaging import UnitOfWork, bulk
from trade_capture.reference import repository
from trade_capture.reference.domain import Fault, SettlementInstruction
from trade_capture.reference.domain.versions import next_version
from trade_capture.reference.kinds import SETTLEMENT_INSTRUCTIONS
from trade_capture.reference.loading import Load, RefusedRow, Rows, checked
from trade_capture.reference.tables import settlement_instruction_proposal as proposals

_KIND = SETTLEMENT_INSTRUCTIONS
_WAITING = "another change of this instruction waits for a decision: approve or reject that one first"

Key = tuple[Any, ...]


async def load_settlement_instructions(unit: UnitOfWork, rows: Rows, *, recorded_by: str) -> Load:
    """Take in first instructions, and turn changes of known ones into proposals."""
    outcome = Load()
    good = checked(_KIND, rows, outcome)
    keys = [_KIND.key(stated) for _, stated in good]
    revision = await repository.lock_kind(unit.connection, _KIND.name)
    current = await repository.current_records(unit.connection, _KIND, keys)
    pending = await _pending(unit.connection)
    proposed: list[SettlementInstruction] = []
    for place, stated in good:
        key = _KIND.key(stated)
        change = next_version(stated, current.get(key))
        if change is None or change == pending.get(key):
            outcome.unchanged += 1
        elif key in pending:
            outcome.refused.append(RefusedRow(place, [Fault("party", _WAITING)]))
        else:
            (proposed if key in current else outcome.changed).append(change)
    await _propose(unit, proposed, recorded_by)
    outcome.proposed = len(proposed)
    await repository.write_versions(unit, _KIND, outcome.changed, revision=revision, recorded_by=recorded_by)
    return outcome


async def approve(unit: UnitOfWork, proposal_id: str, checker: str) -> Row[Any]:
    """Put a proposed change into force. Raises problems: unknown, decided already, outdated, same person."""
    revision = await repository.lock_kind(unit.connection, _KIND.name)
    proposal = await _undecided(unit.connection, proposal_id)
    if proposal.proposed_by == checker:
        raise Problem(
            403,
            "four-eyes",
            "A second person must decide",
            "You proposed this change: somebody else approves it.",
        )
    change = _as_record(proposal)
    current = await repository.current_records(unit.connection, _KIND, [_KIND.key(change)])
    if current[_KIND.key(change)].version != change.version - 1:
        raise conflict(
            "outdated-proposal", "The instruction changed since: reject this proposal, propose anew."
        )
    await repository.write_versions(unit, _KIND, [change], revision=revision, recorded_by=checker)
    return await _decide(unit, proposal_id, status="APPROVED", decided_by=checker)


async def reject(unit: UnitOfWork, proposal_id: str, checker: str, reason: str) -> Row[Any]:
    """Turn a proposed change down; whoever proposed it may withdraw it so."""
    await _undecided(unit.connection, proposal_id)
    return await _decide(unit, proposal_id, status="REJECTED", decided_by=checker, reason=reason)


async def _pending(connection: AsyncConnection) -> dict[Key, SettlementInstruction]:
    rows = await connection.execute(select(proposals).where(proposals.c.status == "PENDING"))
    records = [_as_record(row) for row in rows]
    return {_KIND.key(record): record for record in records}


async def _propose(unit: UnitOfWork, changes: Sequence[SettlementInstruction], maker: str) -> None:
    made = {"status": "PENDING", "proposed_by": maker, "proposed_at": unit.now}
    rows = [{"proposal_id": new_id(), **msgspec.structs.asdict(change), **made} for change in changes]
    await bulk.insert(unit.connection, proposals, rows)


async def _undecided(connection: AsyncConnection, proposal_id: str) -> Row[Any]:
    statement = select(proposals).where(proposals.c.proposal_id == proposal_id).with_for_update()
    proposal = (await connection.execute(statement)).one_or_none()
    if proposal is None:
        raise not_found("proposal", proposal_id)
    if proposal.status != "PENDING":
        raise conflict("decided-already", f"{proposal.decided_by} decided it: {proposal.status.lower()}.")
    return proposal


async def _decide(unit: UnitOfWork, proposal_id: str, **decision: str) -> Row[Any]:
    statement = update(proposals).where(proposals.c.proposal_id == proposal_id)
    decided = statement.values(decided_at=unit.now, **decision).returning(*proposals.columns)
    return (await unit.connection.execute(decided)).one()


def _as_record(proposal: Row[Any]) -> SettlementInstruction:
    record: SettlementInstruction = repository.as_record(_KIND, proposal)
    return record
