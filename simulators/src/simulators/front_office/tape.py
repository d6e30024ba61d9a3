"""The tape, and what its trades become: terms in listed instruments (`data/README.md` says how)."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from backoffice_events.contracts.vocabulary import InstrumentType, Side

_ZONES = {
    "XLON": ZoneInfo("Europe/London"),
    "XETR": ZoneInfo("Europe/Berlin"),
    "XPAR": ZoneInfo("Europe/Paris"),
    "XAMS": ZoneInfo("Europe/Amsterdam"),
    "XMIL": ZoneInfo("Europe/Rome"),
}
_NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class Slot:
    """An instrument that trades of a symbol become trades in."""

    isin: str
    mic: str
    instrument_type: InstrumentType
    currency: str
    reference_price: Decimal
    tick: Decimal
    quantity_scale: Decimal
    lot: Decimal
    books: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TapeTrade:
    """A trade of the tape in terms of an instrument. reference: unique, from the tape's own trade id."""

    reference: str
    slot: Slot
    side: Side
    quantity: Decimal
    price: Decimal
    executed_at: datetime

    @property
    def trade_date(self) -> date:
        """Return the date at the market at that moment."""
        return self.executed_at.astimezone(_ZONES.get(self.slot.mic, _NEW_YORK)).date()


def read_tape(data: Path, most: int) -> Iterator[TapeTrade]:
    """Yield the first `most` trades of the tape that ships in the folder `data`, in the order of their times."""
    slots = _slots(data / "tape" / "mapping.csv")
    first_prices: dict[tuple[str, str], Decimal] = {}
    with gzip.open(data / "tape" / "binance_trades_2024-08-08.csv.gz", "rt", encoding="utf-8") as file:
        for row, _ in zip(csv.DictReader(file), range(most), strict=False):
            symbol = (row["market"], row["symbol"])
            first = first_prices.setdefault(symbol, Decimal(row["price"]))
            yield _mapped(row, slots[symbol], first)


def _mapped(row: dict[str, str], slots: list[Slot], first_price: Decimal) -> TapeTrade:
    slot = slots[int(row["trade_id"]) % len(slots)]
    price = slot.reference_price * Decimal(row["price"]) / first_price
    quantity = Decimal(row["quantity"]) * slot.quantity_scale
    return TapeTrade(
        reference=f"{row['market']}-{row['symbol']}-{row['trade_id']}",
        slot=slot,
        side=Side(row["aggressor_side"]),
        quantity=max(_to_multiple(quantity, slot.lot), slot.lot),
        price=_to_multiple(price, slot.tick),
        executed_at=datetime.fromisoformat(row["trade_time"]),
    )


def _to_multiple(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).quantize(Decimal(1), ROUND_HALF_UP) * step


def _slots(path: Path) -> dict[tuple[str, str], list[Slot]]:
    slots: dict[tuple[str, str], list[Slot]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in sorted(csv.DictReader(file), key=lambda row: int(row["slot"])):
            slots.setdefault((row["tape_market"], row["tape_symbol"]), []).append(_slot(row))
    return slots


def _slot(row: dict[str, str]) -> Slot:
    return Slot(
        isin=row["isin"],
        mic=row["mic"],
        instrument_type=InstrumentType(row["instrument_type"]),
        currency=row["currency"],
        reference_price=Decimal(row["reference_price"]),
        tick=Decimal(row["tick"]),
        quantity_scale=Decimal(row["quantity_scale"]),
        lot=Decimal(row["lot"]),
        books=tuple(row["books"].split("|")),
    )
