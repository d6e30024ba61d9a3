"""Changes of standing settlement instructions need two persons.

A wrong or forged instruction sends securities and money to a stranger. The first instruction for a party, place of
settlement and currency is taken at once, so that a firm can load its book of instructions; whatever changes one
afterwards waits for a second person.
"""

from datetime import timedelta
from typing import Any

import msgspec

from backoffice_chassis import Approval, ApprovalKind, conflict
from backoffice_chassis.approvals import store
from backoffice_events.messaging import UnitOfWork
from trade_capture.permissions import DECIDE_PROPOSALS
from trade_capture.reference import repository
from trade_capture.reference.domain import Fault, SettlementInstruction
from trade_capture.reference.domain.versions import next_version
from trade_capture.reference.kinds import SETTLEMENT_INSTRUCTIONS
from trade_capture.reference.loading import Load, RefusedRow, Rows, checked

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
    pending = await _pending(unit)
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
    terms = [(_name(change), msgspec.to_builtins(change)) for change in proposed]
    await store.propose(unit, CHANGES, terms, by=recorded_by)
    outcome.proposed = len(proposed)
    await repository.write_versions(unit, _KIND, outcome.changed, revision=revision, recorded_by=recorded_by)
    return outcome


async def put_into_force(unit: UnitOfWork, approval: Approval) -> Any:
    """Put an approved change into force. Raises 409 when the instruction has changed since it was proposed."""
    change = msgspec.convert(approval.terms, SettlementInstruction)
    revision = await repository.lock_kind(unit.connection, _KIND.name)
    current = await repository.current_records(unit.connection, _KIND, [_KIND.key(change)])
    if current[_KIND.key(change)].version != change.version - 1:
        raise conflict(
            "outdated-proposal", "The instruction changed since: reject this proposal, propose anew."
        )
    by = approval.decided_by or ""
    await repository.write_versions(unit, _KIND, [change], revision=revision, recorded_by=by)
    return msgspec.to_builtins(change)


CHANGES = ApprovalKind("settlement-instruction-change", DECIDE_PROPOSALS, timedelta(days=30), put_into_force)


async def _pending(unit: UnitOfWork) -> dict[Key, SettlementInstruction]:
    records = [
        msgspec.convert(each.terms, SettlementInstruction) for each in await store.waiting(unit, CHANGES)
    ]
    return {_KIND.key(record): record for record in records}


def _name(change: SettlementInstruction) -> str:
    return "/".join(map(str, _KIND.key(change)))
