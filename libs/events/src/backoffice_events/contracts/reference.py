"""Reference data, owned by trade-capture and published whole: the latest event of a key is its state."""

from datetime import MAXYEAR, MINYEAR, date
from decimal import Decimal
from enum import StrEnum

from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.contracts.vocabulary import InstrumentType, Int, LongText, Measurement, Text

REFERENCE_INSTRUMENTS = Topic("reference.instruments.v1", owner="trade-capture", compacted=True, partitions=1)
REFERENCE_COUNTERPARTIES = Topic(
    "reference.counterparties.v1", owner="trade-capture", compacted=True, partitions=1
)
REFERENCE_BOOKS = Topic("reference.books.v1", owner="trade-capture", compacted=True, partitions=1)
REFERENCE_SETTLEMENT_INSTRUCTIONS = Topic(
    "reference.settlement-instructions.v1", owner="trade-capture", compacted=True, partitions=1
)
REFERENCE_SETTLEMENT_CYCLES = Topic(
    "reference.settlement-cycles.v1", owner="trade-capture", compacted=True, partitions=1
)
REFERENCE_CALENDARS = Topic("reference.calendars.v1", owner="trade-capture", compacted=True, partitions=1)
REFERENCE_BUSINESS_DAYS = Topic(
    "reference.business-days.v1", owner="trade-capture", compacted=True, partitions=1
)


@event("backoffice.reference.instrument-changed.v1", REFERENCE_INSTRUMENTS, key=("isin", "mic"))
class InstrumentChanged(Event, frozen=True, kw_only=True):
    """An instrument as listed on one market.

    cfi: ISO 10962. reference_price: last known price per unit (bond: per 100, clean), on price_date; None = unknown.
    """

    isin: Text
    mic: Text
    version: Int
    name: LongText
    cfi: Text
    instrument_type: InstrumentType
    currency: Text
    active: bool
    reference_price: Decimal | None = None
    price_date: date | None = None


@event("backoffice.reference.counterparty-changed.v1", REFERENCE_COUNTERPARTIES, key="lei")
class CounterpartyChanged(Event, frozen=True, kw_only=True):
    """A party the firm trades with. country: ISO 3166 alpha-2, None when the source does not tell."""

    lei: Text
    version: Int
    name: LongText
    bic: Text
    country: Text | None
    active: bool


@event("backoffice.reference.book-changed.v1", REFERENCE_BOOKS, key="book")
class BookChanged(Event, frozen=True, kw_only=True):
    """A trading book: the unit of position and profit. entity_lei: the legal entity it belongs to."""

    book: Text
    version: Int
    name: LongText
    entity_lei: Text
    measurement: Measurement
    active: bool


@event(
    "backoffice.reference.settlement-instruction-changed.v1",
    REFERENCE_SETTLEMENT_INSTRUCTIONS,
    key=("party", "place_of_settlement", "currency"),
)
class SettlementInstructionChanged(Event, frozen=True, kw_only=True):
    """A standing settlement instruction (SSI): where a party settles, per place of settlement and currency.

    party: the counterparty's LEI, or the LEI of our own entity.
    safekeeping_account, cash_account: masked, at most the last four characters are shown; a trade brings its accounts.
    """

    party: Text
    place_of_settlement: Text
    currency: Text
    version: Int
    agent_bic: Text
    safekeeping_account: Text
    cash_account: Text
    effective_from: date
    active: bool


@event(
    "backoffice.reference.settlement-cycle-changed.v1",
    REFERENCE_SETTLEMENT_CYCLES,
    key=("mic", "instrument_type", "effective_from"),
)
class SettlementCycleChanged(Event, frozen=True, kw_only=True):
    """How a market settles a kind of instrument from a trade date on.

    days: settlement days after the trade date (T+n). settlement_calendar: which days count.
    place_of_settlement: BIC of the CSD.
    """

    mic: Text
    instrument_type: InstrumentType
    effective_from: date
    version: Int
    days: Int
    settlement_calendar: Text
    place_of_settlement: Text


@event("backoffice.reference.calendar-changed.v1", REFERENCE_CALENDARS, key="calendar")
class CalendarChanged(Event, frozen=True, kw_only=True):
    """A settlement calendar: every weekday that is not in `closures` is a settlement day, between the two dates."""

    calendar: Text
    version: Int
    name: LongText
    valid_from: date
    valid_to: date
    closures: tuple[date, ...]


class BusinessDayStatus(StrEnum):
    """Whether the firm's day is open on a calendar."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class _BusinessDay(Event, frozen=True, kw_only=True):
    """The firm's day on one settlement calendar. version: 1, 2, 3… per calendar, one more with each step."""

    calendar: Text
    business_date: date
    version: Int
    status: BusinessDayStatus

    @property
    def is_in_calendars(self) -> bool:
        """Tell whether a calendar may have the day and both its neighbours: none has the first or last year of all."""
        return MINYEAR < self.business_date.year < MAXYEAR


@event("backoffice.reference.business-day-opened.v1", REFERENCE_BUSINESS_DAYS, key="calendar")
class BusinessDayOpened(_BusinessDay, frozen=True, kw_only=True):
    """The firm's day began. A roll is the close of one day and the opening of the next settlement day."""


@event("backoffice.reference.business-day-closed.v1", REFERENCE_BUSINESS_DAYS, key="calendar")
class BusinessDayClosed(_BusinessDay, frozen=True, kw_only=True):
    """The firm's day ended: what was to settle and did not is failing; nothing more is posted into it."""
