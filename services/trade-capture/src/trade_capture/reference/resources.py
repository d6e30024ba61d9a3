"""How each kind of reference data is served: its schemas, what a list can be narrowed by, how a load is taken in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, true

from backoffice_chassis import Page, Permission, Scope, requires, scoped, shared
from trade_capture.reference import kinds, schemas
from trade_capture.reference.kinds import Kind
from trade_capture.reference.loading import Load, load
from trade_capture.reference.proposals import load_settlement_instructions

_ROW_BY_ROW = (
    "Each row is judged by itself: good rows are taken, the others named with everything wrong with them. "
    "A row that says what is on record makes no new version and no event."
)
_FOUR_EYES = (
    " The first instruction for a party, place of settlement and currency takes effect at once; a change of one "
    "becomes a proposal that a second person approves."
)


@dataclass(frozen=True)
class Resource:
    """A kind as it is served. stated, record: its schemas. filters: fields that a list can be narrowed by.

    access: who may read it of those whose token is limited to some books: what everybody needs to understand a trade is
    shared.
    """

    kind: Kind
    singular: str
    plural: str
    stated: type[BaseModel]
    record: type[BaseModel]
    page: Any
    filters: tuple[str, ...]
    load: Callable[..., Awaitable[Load]]
    loading: str = _ROW_BY_ROW
    editable: bool = True
    access: Callable[[Permission], Any] = shared

    def within(self, scope: Scope) -> ColumnElement[bool]:
        """Return the condition that a record is in scope."""
        if self.access is not scoped:
            return true()
        columns = self.kind.current.c
        return scope.rows(entity_lei=columns.entity_lei, book=columns.book)


RESOURCES = (
    Resource(
        kinds.INSTRUMENTS,
        "instrument",
        "instruments",
        schemas.InstrumentIn,
        schemas.InstrumentOut,
        Page[schemas.InstrumentOut],
        ("isin", "mic", "instrument_type", "currency", "active"),
        partial(load, kind=kinds.INSTRUMENTS),
    ),
    Resource(
        kinds.COUNTERPARTIES,
        "counterparty",
        "counterparties",
        schemas.CounterpartyIn,
        schemas.CounterpartyOut,
        Page[schemas.CounterpartyOut],
        ("lei", "bic", "country", "active"),
        partial(load, kind=kinds.COUNTERPARTIES),
    ),
    Resource(
        kinds.BOOKS,
        "book",
        "books",
        schemas.BookIn,
        schemas.BookOut,
        Page[schemas.BookOut],
        ("book", "entity_lei", "measurement", "active"),
        partial(load, kind=kinds.BOOKS),
        access=scoped,
    ),
    Resource(
        kinds.SETTLEMENT_INSTRUCTIONS,
        "settlement instruction",
        "standing settlement instructions",
        schemas.SettlementInstructionIn,
        schemas.SettlementInstructionOut,
        Page[schemas.SettlementInstructionOut],
        ("party", "place_of_settlement", "currency", "active"),
        load_settlement_instructions,
        loading=_ROW_BY_ROW + _FOUR_EYES,
        editable=False,
        access=requires,  # bank data: of the whole firm and of whom it trades with
    ),
    Resource(
        kinds.SETTLEMENT_CYCLES,
        "settlement cycle",
        "settlement cycles",
        schemas.SettlementCycleIn,
        schemas.SettlementCycleOut,
        Page[schemas.SettlementCycleOut],
        ("mic", "instrument_type", "settlement_calendar"),
        partial(load, kind=kinds.SETTLEMENT_CYCLES),
    ),
    Resource(
        kinds.CALENDARS,
        "calendar",
        "settlement calendars",
        schemas.CalendarIn,
        schemas.CalendarOut,
        Page[schemas.CalendarOut],
        ("calendar",),
        partial(load, kind=kinds.CALENDARS),
    ),
)
