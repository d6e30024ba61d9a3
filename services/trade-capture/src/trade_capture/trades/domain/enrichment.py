"""From what the front office stated to a trade in full, or every reason why not."""

from datetime import date, timedelta
from decimal import Decimal

from msgspec import UNSET, Struct

from backoffice_events.contracts.trading import SettlementParties, Trade
from backoffice_events.contracts.vocabulary import Charge, InstrumentType
from trade_capture import standards
from trade_capture.reference.domain import (
    Book,
    Counterparty,
    Instrument,
    ReferenceData,
)
from trade_capture.reference.domain.records import SettlementInstruction
from trade_capture.trades.domain.checks import (
    execution_time_faults,
    instrument_faults,
    number_faults,
    party_faults,
)
from trade_capture.trades.domain.dates import NO_TIMELINE, Timeline, Timelines, agreed_date_faults
from trade_capture.trades.domain.numbers import gross_amount, money, net_amount, number_fault
from trade_capture.trades.domain.reasons import Reason, ReasonCode
from trade_capture.trades.domain.terms import Stated, Terms

Faults = tuple[Reason, ...]

_ZERO = Decimal(0)
_NONE = frozenset[str]()
_GROSS = frozenset({"quantity", "price"})
_ACCRUED = frozenset({"accrued_interest"})
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
    records: _Records
    settlement_date: date
    calendar: str
    parties: SettlementParties


_Found = tuple[Instrument | None, Counterparty | None, Book | None]
"""The records that are named and known."""
_Judged = tuple[_Settlement | None, _Amounts | None, Faults]
"""All that a trade gets from us, or every reason why there is none."""


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
        settlement, amounts, faults = self._judge(terms, previous)
        if faults or settlement is None or amounts is None:
            return faults
        return _trade(terms, settlement, amounts, trade_id=trade_id, version=version)

    def faults(self, stated: Stated, previous: Trade | None = None) -> Faults:
        """Return all that is wrong with terms as far as they can be read: nothing of it hangs on what cannot be."""
        return self._judge(stated, previous)[-1]

    def _judge(self, stated: Stated, previous: Trade | None) -> _Judged:
        """Judge terms: here alone every reason is gathered.

        What hangs on a field that cannot be read, or on a record that is not there, is judged once it is.
        """
        found = instrument, counterparty, book = self._found(stated)
        timeline = self._timeline(stated, instrument)
        numbers = tuple(number_faults(stated, instrument))
        settlement, uninstructed = self._settlement(stated, timeline, found)
        amounts, out_of_bounds = self._amounts(stated, instrument, numbers)
        faults = (
            *instrument_faults(stated, instrument, self._reference),
            *party_faults(stated, counterparty, book, self._reference),
            *numbers,
            *execution_time_faults(stated),
            *trade_date_faults(timeline, stated, previous),
            *agreed_date_faults(stated, timeline.calendar, self._max_settlement_lag),
            *uninstructed,
            *out_of_bounds,
        )
        return settlement, amounts, faults

    def _found(self, stated: Stated) -> _Found:
        reference, isin, mic = self._reference, stated.isin, stated.mic
        lei, book = stated.counterparty_lei, stated.book
        return (
            None if isin is UNSET or mic is UNSET else reference.instrument(isin, mic),
            None if lei is UNSET else reference.counterparty(lei),
            None if book is UNSET else reference.book(book),
        )

    def _timeline(self, stated: Stated, instrument: Instrument | None) -> Timeline:
        if stated.trade_date is UNSET:
            return NO_TIMELINE
        if instrument is None:
            return self._timelines.of_unlisted(stated.mic, stated.trade_date)
        return self._timelines.of(instrument.mic, instrument.instrument_type, stated.trade_date)

    def _settlement(
        self, stated: Stated, timeline: Timeline, found: _Found
    ) -> tuple[_Settlement | None, Faults]:
        """Return how the trade settles, or which instructions are missing; dates at fault say so themselves."""
        instrument, counterparty, book = found
        # Where the agreed date cannot be read, the cycle's is the best that is known.
        agreed = None if stated.settlement_date is UNSET else stated.settlement_date
        settles = agreed or timeline.settlement_date
        if instrument is None or timeline.cycle is None or settles is None:
            return None, ()
        place, currency = timeline.cycle.place_of_settlement, instrument.currency
        if counterparty is None or book is None:
            ours = None if book is None else book.entity_lei
            theirs = None if counterparty is None else counterparty.lei
            return None, self._uninstructed(ours, theirs, place, currency, settles)
        delivery = (book.entity_lei, counterparty.lei, place, currency, settles)
        parties = self._parties.get(delivery)
        if parties is None:
            parties = self._parties[delivery] = self._instructed(delivery, counterparty.bic)
        if isinstance(parties, tuple):
            return None, parties
        records = _Records(instrument, counterparty, book)
        return _Settlement(records, settles, timeline.cycle.settlement_calendar, parties), ()

    def _instructed(self, delivery: _Delivery, their_bic: str) -> SettlementParties | Faults:
        """Return where both parties have instructed such deliveries to be made."""
        entity, counterparty, place, currency, on = delivery
        ours = self._reference.settlement_instruction(entity, place, currency, on)
        theirs = self._reference.settlement_instruction(counterparty, place, currency, on)
        if ours is None or theirs is None:
            return self._uninstructed(*delivery)
        return _parties(ours, theirs, their_bic)

    def _uninstructed(
        self, entity: str | None, counterparty: str | None, place: str, currency: str, on: date
    ) -> Faults:
        """Return which of the parties has no instruction in force; None is one that is not known."""
        return tuple(
            _no_instruction(field, party, place, currency)
            for field, party in (("book", entity), ("counterparty_lei", counterparty))
            if party is not None
            and self._reference.settlement_instruction(party, place, currency, on) is None
        )

    def _amounts(
        self, stated: Stated, instrument: Instrument | None, numbers: Faults
    ) -> tuple[_Amounts | None, Faults]:
        """Return what the trade comes to, or which amount is out of bounds, as far as its numbers are sound.

        numbers: what is wrong with those.
        """
        quantity, price, at_fault = stated.quantity, stated.price, _fields(numbers)
        if instrument is None or quantity is UNSET or price is UNSET or at_fault & _GROSS:
            return None, ()
        currency = instrument.currency
        units = self._minor_units[currency]
        gross = gross_amount(quantity, price, instrument.instrument_type, units)
        if fault := _amount_fault("gross", gross, currency):
            return None, (fault,)
        accrued = _accrued_interest(stated, instrument, at_fault)
        if accrued is None or stated.side is UNSET or stated.charges is UNSET or at_fault - _ACCRUED:
            return None, ()
        accrued = money(accrued, units)
        charges = tuple([Charge(type=each.type, amount=money(each.amount, units)) for each in stated.charges])
        net = net_amount(stated.side, gross, accrued, charges)
        if fault := _amount_fault("net", net, currency):
            return None, (fault,)
        return _Amounts(gross, accrued, charges, net), ()


def _fields(faults: Faults) -> frozenset[str]:
    return frozenset([fault.field for fault in faults]) if faults else _NONE


def _accrued_interest(stated: Stated, instrument: Instrument, at_fault: frozenset[str]) -> Decimal | None:
    """Return the interest that the net amount holds: none but a bond's, None where that is not sound."""
    if instrument.instrument_type is not InstrumentType.BOND:
        return _ZERO
    accrued = stated.accrued_interest
    return None if accrued is UNSET or at_fault & _ACCRUED else accrued


def _amount_fault(name: str, amount: Decimal, currency: str) -> Reason | None:
    fault = number_fault(amount) or (None if amount > 0 else "must be greater than 0")
    if fault is None:
        return None
    message = f"the {name} amount, {amount} {currency}, {fault}: check quantity, price and charges"
    return Reason(ReasonCode.INVALID_AMOUNT, "price", message)


def _trade(terms: Terms, settlement: _Settlement, amounts: _Amounts, *, trade_id: str, version: int) -> Trade:
    records = settlement.records
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


def trade_date_faults(timeline: Timeline, stated: Stated, previous: Trade | None) -> Faults:
    """Return what is wrong with the trade date: that of the trade corrected may be as old as it is."""
    if previous is None or previous.trade_date != stated.trade_date:
        return timeline.faults
    return tuple(fault for fault in timeline.faults if fault.code is not ReasonCode.TRADE_DATE_TOO_OLD)


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
