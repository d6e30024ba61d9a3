"""From what the front office stated to a trade in full, or every reason why not."""

from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

from backoffice_events.contracts.trading import SettlementParties, Trade
from backoffice_events.contracts.vocabulary import Charge
from trade_capture import standards
from trade_capture.reference.domain import (
    Book,
    Counterparty,
    DateOutsideCalendarError,
    Instrument,
    ReferenceData,
)
from trade_capture.reference.domain.records import SettlementInstruction
from trade_capture.trades.domain.checks import (
    Terms,
    execution_time_faults,
    instrument_faults,
    number_faults,
    party_faults,
)
from trade_capture.trades.domain.dates import Timeline, Timelines
from trade_capture.trades.domain.numbers import gross_amount, money, net_amount, number_fault
from trade_capture.trades.domain.reasons import Reason, ReasonCode

Faults = tuple[Reason, ...]

_ZERO = Decimal(0)
_Delivery = tuple[str, str, str, str, date]
"""Our entity, the counterparty, where, in which currency and when: each is looked up once in a batch."""


class _Amounts(Struct, frozen=True):
    gross: Decimal
    accrued_interest: Decimal
    charges: tuple[Charge, ...]
    net: Decimal


class _Records(Struct, frozen=True):
    instrument: Instrument
    counterparty: Counterparty
    book: Book


class _Settlement(Struct, frozen=True):
    settlement_date: date
    calendar: str
    parties: SettlementParties


class Enricher:
    """Validates and enriches terms against the reference data of one batch.

    max_trade_age: settlement days that a new trade may lie behind the open business date.
    max_settlement_lag: days that an agreed settlement date may lie behind the trade date.
    """

    def __init__(self, reference: ReferenceData, *, max_trade_age: int, max_settlement_lag: int) -> None:
        self._reference = reference
        self._max_settlement_lag = timedelta(days=max_settlement_lag)
        self._timelines = Timelines(reference, max_trade_age)
        self._parties: dict[_Delivery, SettlementParties | Faults] = {}
        self._minor_units = standards.minor_units()

    def enrich(
        self, terms: Terms, *, trade_id: str, version: int, previous: Trade | None = None
    ) -> Trade | Faults:
        """Return the trade that `terms` make, or all that is wrong with them.

        previous: the trade that the terms correct; it may be older than a new trade may.
        """
        instrument = self._reference.instrument(terms.isin, terms.mic)
        counterparty = self._reference.counterparty(terms.counterparty_lei)
        book = self._reference.book(terms.book)
        faults = [
            *instrument_faults(terms, instrument),
            *party_faults(terms, counterparty, book, self._reference),
            *number_faults(terms, instrument),
            *execution_time_faults(terms),
        ]
        if instrument is None:
            return tuple(faults)
        timeline = self._timelines.of(terms.mic, instrument.instrument_type, terms.trade_date)
        faults += date_faults(timeline, terms, previous, self._max_settlement_lag)
        if book is None or counterparty is None:
            return tuple(faults)
        records = _Records(instrument, counterparty, book)
        settlement = self._settlement(terms, timeline, records)
        if isinstance(settlement, tuple):
            return (*faults, *settlement)
        amounts = () if faults else self._amounts(terms, instrument)
        if isinstance(amounts, tuple):
            return (*faults, *amounts)
        return _trade(terms, records, settlement, amounts, trade_id=trade_id, version=version)

    def _settlement(self, terms: Terms, timeline: Timeline, records: _Records) -> _Settlement | Faults:
        """Return how the trade settles; no fault of its own where the dates have one already."""
        settles = terms.settlement_date or timeline.settlement_date
        if timeline.cycle is None or settles is None:
            return ()
        place, currency = timeline.cycle.place_of_settlement, records.instrument.currency
        delivery = (records.book.entity_lei, records.counterparty.lei, place, currency, settles)
        parties = self._parties.get(delivery)
        if parties is None:
            parties = self._parties[delivery] = self._instructed(delivery, records.counterparty.bic)
        if isinstance(parties, tuple):
            return parties
        return _Settlement(settles, timeline.cycle.settlement_calendar, parties)

    def _instructed(self, delivery: _Delivery, their_bic: str) -> SettlementParties | Faults:
        """Return where both parties have instructed such deliveries to be made."""
        entity, counterparty, place, currency, on = delivery
        ours = self._reference.settlement_instruction(entity, place, currency, on)
        theirs = self._reference.settlement_instruction(counterparty, place, currency, on)
        if ours is None or theirs is None:
            missing = (("book", entity, ours), ("counterparty_lei", counterparty, theirs))
            return tuple(
                _no_instruction(field, party, place, currency) for field, party, ssi in missing if not ssi
            )
        return _parties(ours, theirs, their_bic)

    def _amounts(self, terms: Terms, instrument: Instrument) -> _Amounts | Faults:
        units = self._minor_units[terms.currency]
        gross = gross_amount(terms.quantity, terms.price, instrument.instrument_type, units)
        accrued = money(terms.accrued_interest or _ZERO, units)
        charges = tuple([Charge(type=each.type, amount=money(each.amount, units)) for each in terms.charges])
        net = net_amount(terms.side, gross, accrued, charges)
        for name, amount in (("gross", gross), ("net", net)):
            fault = number_fault(amount) or (None if amount > 0 else "must be greater than 0")
            if fault:
                message = f"the {name} amount, {amount} {terms.currency}, {fault}: check quantity, price and charges"
                return (Reason(ReasonCode.INVALID_AMOUNT, "price", message),)
        return _Amounts(gross, accrued, charges, net)


def _trade(
    terms: Terms,
    records: _Records,
    settlement: _Settlement,
    amounts: _Amounts,
    *,
    trade_id: str,
    version: int,
) -> Trade:
    return Trade(
        trade_id=trade_id,
        version=version,
        source_system=terms.source_system,
        trade_reference=terms.trade_reference,
        source_version=terms.version,
        side=terms.side,
        isin=terms.isin,
        instrument_type=records.instrument.instrument_type,
        mic=terms.mic,
        quantity=terms.quantity,
        price=terms.price,
        currency=terms.currency,
        gross_amount=amounts.gross,
        charges=amounts.charges,
        accrued_interest=amounts.accrued_interest,
        net_amount=amounts.net,
        trade_date=terms.trade_date,
        executed_at=terms.executed_at,
        settlement_date=settlement.settlement_date,
        settlement_calendar=settlement.calendar,
        book=terms.book,
        entity_lei=records.book.entity_lei,
        measurement=records.book.measurement,
        trader=terms.trader,
        counterparty_lei=records.counterparty.lei,
        counterparty_name=records.counterparty.name,
        settlement_parties=settlement.parties,
    )


def date_faults(
    timeline: Timeline, terms: Terms, previous: Trade | None, max_settlement_lag: timedelta
) -> list[Reason]:
    """Return what is wrong with the trade date and a settlement date agreed to differ from the cycle's."""
    faults = list(timeline.faults)
    if previous is not None and previous.trade_date == terms.trade_date:
        faults = [fault for fault in faults if fault.code is not ReasonCode.TRADE_DATE_TOO_OLD]
    if terms.settlement_date is None or timeline.calendar is None:
        return faults
    agreed, calendar = terms.settlement_date, timeline.calendar
    try:
        settles = calendar.is_settlement_day(agreed)
    except DateOutsideCalendarError as outside:
        return [*faults, _settlement_date(str(outside))]
    if not settles:
        faults.append(_settlement_date(f"{agreed} is no settlement day on calendar {calendar.code}"))
    if agreed < terms.trade_date:
        faults.append(_settlement_date(f"{agreed} is before the trade date {terms.trade_date}"))
    if agreed - terms.trade_date > max_settlement_lag:
        message = (
            f"{agreed} lies more than {max_settlement_lag.days} days after the trade date {terms.trade_date}"
        )
        faults.append(_settlement_date(message))
    return faults


def _settlement_date(message: str) -> Reason:
    return Reason(ReasonCode.INVALID_SETTLEMENT_DATE, "settlement_date", message)


def _no_instruction(field: str, party: str, place: str, currency: str) -> Reason:
    message = (
        f"{party} has no settlement instruction in force at {place} in {currency}: load it, then resubmit"
    )
    return Reason(ReasonCode.MISSING_SETTLEMENT_INSTRUCTION, field, message)


def _parties(ours: SettlementInstruction, theirs: SettlementInstruction, their_bic: str) -> SettlementParties:
    return SettlementParties(
        place_of_settlement=ours.place_of_settlement,
        agent_bic=ours.agent_bic,
        safekeeping_account=ours.safekeeping_account,
        cash_account=ours.cash_account,
        counterparty_bic=their_bic,
        counterparty_agent_bic=theirs.agent_bic,
        counterparty_account=theirs.safekeeping_account,
    )
