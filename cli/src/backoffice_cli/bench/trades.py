"""Trades for measuring: one like the other, within every limit, settling on the day they are done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

from backoffice_cli.reference_data.made_up import books, employees, leavers
from backoffice_cli.reference_data.shipped import counterparties, mapping
from backoffice_events.contracts.frontoffice import TradeExecuted
from backoffice_events.contracts.vocabulary import Charge, ChargeType, Side

SOURCE_SYSTEM: Final = "BENCH"
CALENDAR: Final = "US"
_CURRENCY = "USD"
_MICROSECOND = timedelta(microseconds=1)
_OPENS = time(14, 30, tzinfo=UTC)
_TICKS = 101
_PARTIES = 40
_COMMISSION = (Charge(type=ChargeType.COMMISSION, amount=Decimal("1.00")),)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who trades what: listed shares with their reference prices, books, traders, counterparties."""

    instruments: tuple[tuple[str, str, Decimal], ...]
    books: tuple[str, ...]
    traders: tuple[str, ...]
    parties: tuple[str, ...]

    @classmethod
    def shipped(cls, data: Path) -> "Cast":
        """Return a cast from the reference data that ship."""
        people = employees(data)
        gone = set(leavers(people))
        return cls(
            instruments=tuple(
                (row["isin"], row["mic"], Decimal(row["reference_price"]))
                for row in mapping(data)
                if row["currency"] == _CURRENCY and row["instrument_type"] == "EQUITY"
            ),
            books=tuple(row["book"] for row in books() if row["book"].startswith("EQ-US")),
            traders=tuple(
                person["employee_id"]
                for person in people
                if person["licences"] and person["employee_id"] not in gone
            ),
            parties=tuple(row["lei"] for row in islice(counterparties(data), _PARTIES)),
        )


def trades(cast: Cast, day: date, run: str, number: int) -> Iterator[TradeExecuted]:
    """Yield trades of a business day, none of them like another of any run.

    run: a word that no run before had. Prices keep within half a percent of the reference, quantities are small, and
    purchases and sales take turns, so that no limit of compliance is reached.
    """
    opens = datetime.combine(day, _OPENS) + int(run, 16) % 10**9 * _MICROSECOND
    for n in range(number):
        isin, mic, price = cast.instruments[n % len(cast.instruments)]
        yield TradeExecuted(
            source_system=SOURCE_SYSTEM,
            trade_reference=f"{run}-{n}",
            version=1,
            side=Side.SELL if n // len(cast.instruments) % 2 else Side.BUY,
            isin=isin,
            mic=mic,
            quantity=Decimal(1 + n % 7),
            price=price + (n % _TICKS - _TICKS // 2) * price.scaleb(-4).quantize(Decimal("0.01")),
            currency=_CURRENCY,
            trade_date=day,
            executed_at=opens + n * _MICROSECOND,
            book=cast.books[n % len(cast.books)],
            trader=cast.traders[n % len(cast.traders)],
            counterparty_lei=cast.parties[n % len(cast.parties)],
            settlement_date=day,
            charges=_COMMISSION,
        )
