"""A small world of reference data, and statements about trades in it: for tests and benchmarks."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_events.contracts.counterparty import ConfirmationSent
from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import Charge, ChargeType, InstrumentType, Measurement, Side
from backoffice_events.messaging import UnitOfWork, bulk
from trade_capture.reference import business_days, kinds
from trade_capture.reference.cache import ReferenceCache
from trade_capture.reference.domain import (
    Book,
    BusinessDay,
    BusinessDayStatus,
    Calendar,
    Counterparty,
    Instrument,
    ReferenceData,
    SettlementCalendar,
    SettlementCycle,
    SettlementInstruction,
)
from trade_capture.reference.domain.business_day import open_day
from trade_capture.reference.repository import lock_kind, set_revision, write_versions
from trade_capture.reference.tables import employee

MONDAY: Final = date(2026, 11, 23)
NOW: Final = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
THANKSGIVING: Final = date(2026, 11, 26)
APPLE: Final = "US0378331005"
TREASURY: Final = "US91282CJZ59"
OURS: Final = "529900HNOAA1KXQJUQ27"
BROKER: Final = "549300HBJLRO8YFMI370"
OTHER_BROKER: Final = "7H6GLXDRUGQFU57RNE97"
DTC: Final = "DTCYUS33XXX"


def reference_data(**changes: Any) -> ReferenceData:
    """Return a world with one share, one bond, two counterparties and one book; Monday is open."""
    cycles = [_cycle(kind) for kind in InstrumentType]
    closures = frozenset({THANKSGIVING, date(2026, 10, 12)})
    world = ReferenceData(
        instruments={(each.isin, each.mic): each for each in (_share(), _bond())},
        counterparties={lei: _counterparty(lei) for lei in (BROKER, OTHER_BROKER)},
        books={"EQ-1": _book()},
        settlement_instructions={
            (party, DTC, "USD"): [_instruction(party)] for party in (OURS, BROKER, OTHER_BROKER)
        },
        settlement_cycles={(each.mic, each.instrument_type): [each] for each in cycles},
        calendars={"US": SettlementCalendar("US", date(2020, 1, 1), date(2028, 12, 31), closures)},
        business_days={"US": BusinessDay("US", MONDAY, BusinessDayStatus.OPEN, 1)},
        employees=frozenset({"E-1"}),
    )
    return replace(world, **changes)


class FixedReference(ReferenceCache):
    """Reference data that a test decides."""

    def __init__(self, data: ReferenceData | None = None) -> None:
        super().__init__()
        self.data = data or reference_data()

    async def load(self, connection: AsyncConnection) -> ReferenceData:  # noqa: ARG002 - the real one reads from it
        """Return the data given."""
        return self.data


def executed(reference: str = "T-1", **changes: Any) -> TradeExecuted:
    """Return a good trade: 100 Apple bought at 210.50, commission 1.25."""
    return msgspec.structs.replace(_EXECUTED, trade_reference=reference, **changes)


def corrected(reference: str = "T-1", **changes: Any) -> TradeCorrected:
    """Return the same trade's correction to 101 units, version 2."""
    terms = msgspec.structs.asdict(_EXECUTED) | {"version": 2, "quantity": Decimal(101)}
    return TradeCorrected(**terms | {"trade_reference": reference} | changes)


def busted(reference: str = "T-1", version: int = 2, reason: str = "wrong account") -> TradeBusted:
    """Return the word that the trade never was."""
    return TradeBusted(source_system="EQ", trade_reference=reference, version=version, reason=reason)


def confirming(trade: Trade, **changes: Any) -> ConfirmationSent:
    """Return the counterparty's confirmation that agrees with a trade."""
    agreed: Mapping[str, Any] = {
        "counterparty_lei": trade.counterparty_lei,
        "confirmation_reference": f"C-{trade.trade_reference}",
        "version": 1,
        "source_system": trade.source_system,
        "trade_reference": trade.trade_reference,
        "side": trade.side.opposite,
        "isin": trade.isin,
        "quantity": trade.quantity,
        "price": trade.price,
        "currency": trade.currency,
        "net_amount": trade.net_amount,
        "trade_date": trade.trade_date,
        "settlement_date": trade.settlement_date,
    }
    return ConfirmationSent(**{**agreed, **changes})


_EXECUTED = TradeExecuted(
    source_system="EQ",
    trade_reference="T-1",
    version=1,
    side=Side.BUY,
    isin=APPLE,
    mic="XNAS",
    quantity=Decimal(100),
    price=Decimal("210.50"),
    currency="USD",
    trade_date=MONDAY,
    executed_at=datetime(2026, 11, 23, 14, 30, tzinfo=UTC),
    book="EQ-1",
    trader="E-1",
    counterparty_lei=BROKER,
    charges=(Charge(type=ChargeType.COMMISSION, amount=Decimal("1.25")),),
)


def _share() -> Instrument:
    return Instrument(
        isin=APPLE,
        mic="XNAS",
        version=1,
        name="Apple Inc.",
        cfi="ESVUFR",
        instrument_type=InstrumentType.EQUITY,
        currency="USD",
        active=True,
    )


def _bond() -> Instrument:
    return Instrument(
        isin=TREASURY,
        mic="XNAS",
        version=1,
        name="US Treasury note",
        cfi="DBFTFR",
        instrument_type=InstrumentType.BOND,
        currency="USD",
        active=True,
    )


def _cycle(kind: InstrumentType) -> SettlementCycle:
    return SettlementCycle(
        mic="XNAS",
        instrument_type=kind,
        effective_from=date(2024, 5, 28),
        version=1,
        days=1,
        settlement_calendar="US",
        place_of_settlement=DTC,
    )


def _counterparty(lei: str) -> Counterparty:
    return Counterparty(lei=lei, version=1, name="A broker", bic="GOLDUS33XXX", country="US", active=True)


def _book() -> Book:
    return Book(
        book="EQ-1", version=1, name="US shares", entity_lei=OURS, measurement=Measurement.FVTPL, active=True
    )


def _instruction(party: str) -> SettlementInstruction:
    return SettlementInstruction(
        party=party,
        place_of_settlement=DTC,
        currency="USD",
        version=1,
        agent_bic="IRVTUS3NXXX",
        safekeeping_account=f"S-{party[:4]}",
        cash_account=f"C-{party[:4]}",
        effective_from=date(2020, 1, 1),
        active=True,
    )


async def load_world(unit: UnitOfWork) -> None:
    """Write the world of `reference_data` to a database, as loads by its owners would."""
    world = reference_data()
    us = world.calendars["US"]
    closures = tuple(sorted(us.closures))
    calendar = Calendar(
        calendar="US", version=1, name="US", valid_from=us.valid_from, valid_to=us.valid_to, closures=closures
    )
    cycles = [each for dated in world.settlement_cycles.values() for each in dated]
    instructions = [each for dated in world.settlement_instructions.values() for each in dated]
    for kind, records in (
        (kinds.INSTRUMENTS, list(world.instruments.values())),
        (kinds.COUNTERPARTIES, list(world.counterparties.values())),
        (kinds.BOOKS, list(world.books.values())),
        (kinds.SETTLEMENT_INSTRUCTIONS, instructions),
        (kinds.SETTLEMENT_CYCLES, cycles),
        (kinds.CALENDARS, [calendar]),
    ):
        revision = await lock_kind(unit.connection, kind.name)
        await write_versions(unit, kind, records, revision=revision, recorded_by="test")
    await business_days.move(unit, "US", open_day, MONDAY, "test")
    revision = await lock_kind(unit.connection, "employees")
    row = {"employee_id": "E-1", "version": 1, "revision": revision}
    await bulk.insert(unit.connection, employee, [row])
    await set_revision(unit.connection, "employees", revision)
