"""What a report of the front office is worth, and whether it can be taken in at all."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import Enum

from backoffice_cli.auditor.model.market import Market, on_or_before, settles
from backoffice_events.contracts.frontoffice import TradeCorrected, TradeExecuted
from backoffice_events.contracts.reference import (
    BookChanged,
    CounterpartyChanged,
    InstrumentChanged,
    SettlementCycleChanged,
)
from backoffice_events.contracts.vocabulary import Charge, InstrumentType, Measurement, Side

Report = TradeExecuted | TradeCorrected

_MINOR_UNITS = {
    "JPY": 0,
    "KRW": 0,
    "CLP": 0,
    "ISK": 0,
    "VND": 0,
    "BHD": 3,
    "KWD": 3,
    "OMR": 3,
    "TND": 3,
    "JOD": 3,
}
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_LIMIT = Decimal(10) ** 18
_MOST_CHARGES = 20
_DAY = timedelta(days=1)
_AGE_BEYOND_DOUBT = timedelta(days=14)  # ten settlement days, which is the limit, are never fewer
_ZERO = Decimal(0)


class Verdict(Enum):
    """Whether a report can be taken in. DOUBTFUL: it hangs on the moment at which it was looked at."""

    GOOD = "good"
    BAD = "bad"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Terms:
    """A trade's terms, priced: all that later services work with. net: what changes hands."""

    side: Side
    isin: str
    mic: str
    instrument_type: InstrumentType
    quantity: Decimal
    price: Decimal
    currency: str
    gross: Decimal
    accrued: Decimal
    charges: tuple[tuple[str, Decimal], ...]
    net: Decimal
    trade_date: date
    settlement_date: date
    calendar: str
    book: str
    measurement: Measurement
    counterparty: str
    trader: str
    executed_at: str


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's minor units (ISO 4217)."""
    return amount.quantize(Decimal(1).scaleb(-_MINOR_UNITS.get(currency, 2)), context=_EXACT)


def price(report: Report, market: Market, *, same_date: bool) -> tuple[Verdict, Terms | None]:
    """Judge a report and price it. same_date: it corrects a trade of the same trade date, so its age does not count."""
    instrument = market.instruments.get((report.isin, report.mic))
    counterparty = market.counterparties.get(report.counterparty_lei)
    book = market.books.get(report.book)
    if instrument is None or counterparty is None or book is None:
        return Verdict.BAD, None
    cycle = market.cycle(report.mic, instrument.instrument_type, report.trade_date)
    if cycle is None or not _parties_known(report, market, instrument, counterparty, book):
        return Verdict.BAD, None
    settlement_date = report.settlement_date or market.settlement_date(cycle, report.trade_date)
    if settlement_date is None or not _numbers_hold(report, instrument):
        return Verdict.BAD, None
    place = cycle.place_of_settlement, instrument.currency, settlement_date
    if not all(market.settles_at(party, *place) for party in (book.entity_lei, counterparty.lei)):
        return Verdict.BAD, None
    terms = _priced(report, instrument, book, settlement_date, cycle)
    if min(terms.gross, terms.net) <= 0 or max(terms.gross, terms.net) >= _LIMIT:
        return Verdict.BAD, None
    return _dates(report, market, cycle, same_date=same_date), terms


def _parties_known(
    report: Report,
    market: Market,
    instrument: InstrumentChanged,
    counterparty: CounterpartyChanged,
    book: BookChanged,
) -> bool:
    active = instrument.active and counterparty.active and book.active
    return active and instrument.currency == report.currency and report.trader in market.people


def _numbers_hold(report: Report, instrument: InstrumentChanged) -> bool:
    positive = report.quantity > 0 and report.price > 0
    charged = len(report.charges) <= _MOST_CHARGES and all(each.amount >= 0 for each in report.charges)
    bond = instrument.instrument_type is InstrumentType.BOND
    accrues = report.accrued_interest is not None if bond else not report.accrued_interest
    timely = -_DAY <= report.executed_at.date() - report.trade_date <= _DAY
    return positive and charged and accrues and timely


def _priced(
    report: Report,
    instrument: InstrumentChanged,
    book: BookChanged,
    settlement_date: date,
    cycle: SettlementCycleChanged,
) -> Terms:
    currency, kind = report.currency, instrument.instrument_type
    gross = _EXACT.multiply(report.quantity, report.price)
    gross = rounded(_EXACT.divide(gross, Decimal(100)) if kind is InstrumentType.BOND else gross, currency)
    accrued = rounded(report.accrued_interest or _ZERO, currency)
    charges = tuple(_charge(each, currency) for each in report.charges)
    total = sum((amount for _, amount in charges), _ZERO)
    net = gross + accrued + (total if report.side is Side.BUY else -total)
    return Terms(
        side=report.side,
        isin=report.isin,
        mic=report.mic,
        instrument_type=kind,
        quantity=report.quantity,
        price=report.price,
        currency=currency,
        gross=gross,
        accrued=accrued,
        charges=charges,
        net=net,
        trade_date=report.trade_date,
        settlement_date=settlement_date,
        calendar=cycle.settlement_calendar,
        book=book.book,
        measurement=book.measurement,
        counterparty=report.counterparty_lei,
        trader=report.trader,
        executed_at=report.executed_at.isoformat(),
    )


def _charge(charge: Charge, currency: str) -> tuple[str, Decimal]:
    return charge.type.value, rounded(charge.amount, currency)


def _dates(report: Report, market: Market, cycle: SettlementCycleChanged, *, same_date: bool) -> Verdict:
    calendar = market.calendars[cycle.settlement_calendar]
    agreed, traded = report.settlement_date, report.trade_date
    if agreed is not None and (
        not settles(calendar, agreed) or agreed < traded or agreed > calendar.valid_to
    ):
        return Verdict.BAD
    if traded.weekday() >= 5 or cycle.settlement_calendar not in market.days:
        return Verdict.BAD
    first, last = market.days[cycle.settlement_calendar]
    counts_from = on_or_before(calendar, traded)
    if counts_from > last:
        return Verdict.BAD
    if counts_from > first or (traded < last - _AGE_BEYOND_DOUBT and not same_date):
        return Verdict.DOUBTFUL
    return Verdict.GOOD
