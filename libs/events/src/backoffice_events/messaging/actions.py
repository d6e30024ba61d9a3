"""What people did with dead letters and parked events: who, when and why, kept for ever."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select

from backoffice_events.messaging import bulk
from backoffice_events.messaging.failures import clean
from backoffice_events.messaging.tables import dead_letter_action
from backoffice_events.messaging.unit import UnitOfWork


class Action(StrEnum):
    """REDRIVE: hand a dead letter to its consumer again. DISCARD: give it up. RELEASE: let those behind it go on."""

    REDRIVE = "redrive"
    DISCARD = "discard"
    RELEASE = "release"


Witness = Callable[[UnitOfWork, Action, str, str], Awaitable[None]]
"""Told of each action within its transaction: the unit, the action, the dead letter's id, what came of it."""


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, and why. witness: keeps a record of its own of what they did."""

    actor: str
    why: str
    witness: Witness | None = None


async def record(unit: UnitOfWork, action: Action, dead_letter_id: str, outcome: str, by: By) -> None:
    """Keep what was done, in the transaction of its effect."""
    row = {
        "dead_letter_id": dead_letter_id,
        "action": action.value,
        "outcome": clean(outcome),
        "actor": clean(by.actor),
        "why": clean(by.why),
        "at": unit.now,
    }
    await bulk.insert(unit.connection, dead_letter_action, [row])
    if by.witness is not None:
        await by.witness(unit, action, dead_letter_id, outcome)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which actions: every field that is given must match."""

    dead_letter_id: str | None = None
    action: str | None = None
    actor: str | None = None
    at_from: datetime | None = None
    at_to: datetime | None = None


def query(wanted: Filter) -> Select[Any]:
    """Return the select of the actions that match, to be ordered by `dead_letter_action.seq` and paged."""
    columns = dead_letter_action.c
    exact: Mapping[str, str | None] = {
        name: getattr(wanted, name) for name in ("dead_letter_id", "action", "actor")
    }
    statement = select(dead_letter_action)
    for name, value in exact.items():
        if value is not None:
            statement = statement.where(columns[name] == value)
    if wanted.at_from is not None:
        statement = statement.where(columns.at >= wanted.at_from)
    if wanted.at_to is not None:
        statement = statement.where(columns.at < wanted.at_to)
    return statement
