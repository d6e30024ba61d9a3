"""Working the repair queue: entries are judged again or closed, each under its execution's lock."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from backoffice_chassis import FieldError, Principal, Scope, check_version, conflict, invalid, not_found
from backoffice_events.messaging import UnitOfWork
from trade_capture.repair import repository
from trade_capture.repair.domain import (
    IDENTITY,
    RepairEntry,
    RepairStatus,
    edited,
    statement_type,
    states_version,
)
from trade_capture.trades.capture import Capture
from trade_capture.trades.intake import Intake
from trade_capture.trades.repository import lock_executions
from trade_capture.trades.scoping import out_of_scope, states_scope
from trade_capture.trades.submission import Outcome


async def resubmit(
    unit: UnitOfWork,
    capture: Capture,
    repair_id: str,
    *,
    changes: Mapping[str, Any],
    comment: str | None,
    by: Principal,
    expected: int | None,
) -> Outcome:
    """Judge an entry again, with some fields replaced. expected: the version that the caller read.

    Raises problems: 403 for a book out of scope, 404, 409 when it is finished, 412 when it has moved on, 422 for fields
    that cannot be changed.
    """
    entry = await _entry(unit, repair_id, by.scope)
    payload = _edited(entry, changes) if changes else None
    if payload is not None and not await states_scope(unit.connection, by.scope, entry.event_type, payload):
        raise out_of_scope(by, entry.key)

    def again(intake: Intake) -> Outcome:
        current = _open_entry(intake, entry, expected)
        return intake.resubmit(current, actor=by.subject, payload=payload, comment=comment)

    return await capture.decide(unit, [(entry.key, entry.source_version)], again)


async def reject(
    unit: UnitOfWork, capture: Capture, repair_id: str, *, reason: str, by: Principal, expected: int | None
) -> None:
    """Close an entry for good. Raises problems as `resubmit` does."""
    entry = await _entry(unit, repair_id, by.scope)

    def close(intake: Intake) -> None:
        intake.reject(_open_entry(intake, entry, expected), actor=by.subject, reason=reason)

    await capture.decide(unit, [(entry.key, entry.source_version)], close)


async def resubmit_many(
    unit: UnitOfWork,
    capture: Capture,
    entries: Sequence[RepairEntry],
    *,
    comment: str | None,
    actor: str,
) -> list[tuple[str, Outcome]]:
    """Judge entries again as they are; those that somebody finished meanwhile are passed over."""

    def again(intake: Intake) -> list[tuple[str, Outcome]]:
        judged = []
        for entry in entries:
            current = _current(intake, entry)
            if not current.status.finished:
                outcome = intake.resubmit(current, actor=actor, comment=comment)
                judged.append((entry.repair_id, outcome))
        return judged

    return await capture.decide(unit, [(entry.key, entry.source_version) for entry in entries], again)


async def _entry(unit: UnitOfWork, repair_id: str, scope: Scope) -> RepairEntry:
    """Return an entry in scope, its execution locked: nobody gives it another book meanwhile."""
    found = await repository.find_entry(unit.connection, repair_id, scope)
    if found is not None:
        await lock_executions(unit.connection, [found.key])
        found = await repository.find_entry(unit.connection, repair_id, scope)
    if found is None:
        raise not_found("repair entry", repair_id)
    return found


def _current(intake: Intake, entry: RepairEntry) -> RepairEntry:
    """Return the entry as it stands under the lock."""
    entries = intake.tracked[entry.key].entries
    return next(each for each in entries if each.repair_id == entry.repair_id)


def _open_entry(intake: Intake, entry: RepairEntry, expected: int | None) -> RepairEntry:
    current = _current(intake, entry)
    if current.status.finished:
        raise conflict(
            "repair-finished", f"The entry is {RepairStatus(current.status)}: nothing more can be done to it."
        )
    check_version(expected, current.version)
    return current


def _edited(entry: RepairEntry, changes: Mapping[str, Any]) -> bytes:
    faults = [*_fixed_fields(entry, changes), *_unknown_fields(entry, changes)]
    if faults:
        raise invalid(faults)
    try:
        return edited(entry.current, changes)
    except (UnicodeError, RecursionError) as error:
        raise invalid([FieldError("/body/changes", f"cannot be written as JSON: {error}")]) from error


def _fixed_fields(entry: RepairEntry, changes: Mapping[str, Any]) -> list[FieldError]:
    """A fix keeps the source's identity; only a version that the message does not state can be given."""
    fixed = set(IDENTITY if states_version(entry.current) else IDENTITY[:2])
    reason = "names the trade and cannot be changed: reject the entry instead"
    return [FieldError(f"/body/changes/{name}", reason, "fixed") for name in sorted(fixed & changes.keys())]


def _unknown_fields(entry: RepairEntry, changes: Mapping[str, Any]) -> list[FieldError]:
    contract = statement_type(entry.event_type)
    known = {field.name for field in msgspec.structs.fields(contract)} if contract else set()
    return [
        FieldError(f"/body/changes/{name[:60]}", f"is no field of {entry.event_type}", "unknown")
        for name in sorted(changes.keys() - known)
    ]
