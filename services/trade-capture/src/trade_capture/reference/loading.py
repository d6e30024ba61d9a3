"""Taking in a load of records: good rows are taken, bad ones named, rows that say nothing new leave no trace."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backoffice_events.messaging import UnitOfWork
from trade_capture.reference import repository
from trade_capture.reference.domain import Fault
from trade_capture.reference.domain.versions import next_version
from trade_capture.reference.kinds import CALENDARS, SETTLEMENT_CYCLES, Kind

Rows = Sequence[tuple[int, Any]]
"""Records, each with its place in the load."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken. row: its place in the load, from 0. faults: everything wrong with it."""

    row: int
    faults: Sequence[Fault]


@dataclass(slots=True)
class Load:
    """What became of a load's rows. changed: new versions, each published. proposed: wait for a second person."""

    changed: list[Any] = field(default_factory=list)
    unchanged: int = 0
    proposed: int = 0
    refused: list[RefusedRow] = field(default_factory=list)


async def load(unit: UnitOfWork, rows: Rows, *, kind: Kind, recorded_by: str) -> Load:
    """Take in rows of one kind; loads of a kind come one after another."""
    outcome = Load()
    good = await _referring(unit, kind, checked(kind, rows, outcome), outcome)
    revision = await repository.lock_kind(unit.connection, kind.name)
    current = await repository.current_records(unit.connection, kind, [kind.key(row) for _, row in good])
    for _, stated in good:
        record = next_version(stated, current.get(kind.key(stated)))
        if record is None:
            outcome.unchanged += 1
        else:
            outcome.changed.append(record)
    await repository.write_versions(unit, kind, outcome.changed, revision=revision, recorded_by=recorded_by)
    return outcome


def checked(kind: Kind, rows: Rows, outcome: Load) -> list[tuple[int, Any]]:
    """Return the rows without fault; put the others into `outcome`."""
    good: dict[tuple[Any, ...], tuple[int, Any]] = {}
    for place, record in rows:
        key = kind.key(record)
        faults = kind.faults(record)
        if key in good:
            repeated = f"row {good[key][0]} of this load has the same {', '.join(kind.key_fields)}"
            faults = [*faults, Fault(kind.key_fields[0], repeated)]
        if faults:
            outcome.refused.append(RefusedRow(place, faults))
        else:
            good[key] = (place, record)
    return list(good.values())


async def _referring(unit: UnitOfWork, kind: Kind, good: Rows, outcome: Load) -> Rows:
    """Return the rows that name only what is on record: a settlement cycle its calendar."""
    if kind is not SETTLEMENT_CYCLES:
        return good
    codes = sorted({(cycle.settlement_calendar,) for _, cycle in good})
    known = await repository.current_records(unit.connection, CALENDARS, codes)
    for place, cycle in good:
        if (cycle.settlement_calendar,) not in known:
            fault = Fault("settlement_calendar", "is not on record: load the calendar first")
            outcome.refused.append(RefusedRow(place, [fault]))
    return [row for row in good if (row[1].settlement_calendar,) in known]
