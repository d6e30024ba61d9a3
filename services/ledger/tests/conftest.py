"""Events as the ledger hears them, and databases to book them in."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_cli.stack.testing import Migrated
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.settlement import InstructionFailing, InstructionSettled
from backoffice_events.contracts.trading import (
    SettlementParties,
    Trade,
    TradeAmended,
    TradeCancelled,
    TradeCaptured,
)
from backoffice_events.contracts.vocabulary import Charge, ChargeType, InstrumentType, Measurement, Side
from backoffice_events.ids import new_id

MIGRATIONS = Path(__file__).parent.parent / "migrations"

PARTIES = SettlementParties(
    place_of_settlement="DTCYUS33XXX",
    agent_bic="IRVTUS3NXXX",
    safekeeping_account="SAFE-1",
    cash_account="CASH-1",
    counterparty_bic="GOLDUS33XXX",
    counterparty_agent_bic="CITIUS33XXX",
    counterparty_account="SAFE-2",
)


class Events:
    """Builds events of one firm: a purchase of 100 at 10.50 with 4 commission unless told otherwise."""

    def trade(self, **changes: Any) -> Trade:
        fields: dict[str, Any] = {
            "trade_id": changes.pop("trade_id", None) or new_id(),
            "version": 1,
            "source_system": "EQ",
            "trade_reference": "T-1",
            "source_version": 1,
            "side": Side.BUY,
            "isin": "US0378331005",
            "instrument_type": InstrumentType.EQUITY,
            "mic": "XNAS",
            "quantity": Decimal(100),
            "price": Decimal("10.50"),
            "currency": "USD",
            "gross_amount": Decimal("1050.00"),
            "charges": (Charge(type=ChargeType.COMMISSION, amount=Decimal("4.00")),),
            "accrued_interest": Decimal(0),
            "trade_date": date(2024, 6, 3),
            "executed_at": datetime(2024, 6, 3, 14, 30, tzinfo=UTC),
            "settlement_date": date(2024, 6, 4),
            "settlement_calendar": "US",
            "book": "EQ-1",
            "entity_lei": "529900T8BM49AURSDO55",
            "measurement": Measurement.FVTPL,
            "trader": "E-1",
            "counterparty_lei": "W22LROWP2IHZNBB6K528",
            "counterparty_name": "Example Securities",
            "settlement_parties": PARTIES,
        }
        fields |= changes
        if "net_amount" not in fields:
            charges = sum((charge.amount for charge in fields["charges"]), Decimal(0))
            signed = charges if fields["side"] is Side.BUY else -charges
            fields["net_amount"] = fields["gross_amount"] + fields["accrued_interest"] + signed
        return Trade(**fields)

    def captured(self, trade: Trade) -> TradeCaptured:
        return TradeCaptured(trade=trade)

    def amended(self, trade: Trade, **changes: Any) -> TradeAmended:
        version = changes.pop("version", trade.version + 1)
        return TradeAmended(trade=msgspec.structs.replace(trade, version=version, **changes))

    def cancelled(self, trade: Trade) -> TradeCancelled:
        return TradeCancelled(
            trade=msgspec.structs.replace(trade, version=trade.version + 1), reason="never was"
        )

    def settled(
        self,
        trade: Trade,
        quantity: Decimal | int | None = None,
        *,
        already: Decimal | int = 0,
        csd_reference: str = "CSD-1",
        **changes: Any,
    ) -> InstructionSettled:
        """Say that the instruction of `trade` settled; `already`: what had settled before."""
        quantity = trade.quantity - already if quantity is None else Decimal(quantity)
        settled = self.money(trade, already + quantity) - self.money(trade, Decimal(already))
        remaining = trade.quantity - already - quantity
        fields: dict[str, Any] = {
            **self._instruction(trade),
            "settled_quantity": quantity,
            "settled_amount": settled,
            "remaining_quantity": remaining,
            "remaining_amount": trade.net_amount - self.money(trade, already + quantity),
            "effective_date": trade.settlement_date,
            "csd_reference": csd_reference,
        }
        return InstructionSettled(**(fields | changes))

    def failing(self, trade: Trade, *, already: Decimal | int = 0, **changes: Any) -> InstructionFailing:
        fields: dict[str, Any] = {
            **self._instruction(trade),
            "failing_quantity": trade.quantity - already,
            "failing_amount": trade.net_amount - self.money(trade, Decimal(already)),
            "failed_on": trade.settlement_date,
            "reason": "LACK",
        }
        return InstructionFailing(**(fields | changes))

    @staticmethod
    def money(trade: Trade, quantity: Decimal) -> Decimal:
        """Return the part of the net amount that a CSD moves for a part of the quantity, rounded to cents."""
        return round(trade.net_amount * quantity / trade.quantity, 2)

    @staticmethod
    def _instruction(trade: Trade) -> dict[str, Any]:
        return {
            "instruction_id": f"{trade.trade_id[:8]}-{trade.version}",
            "trade_id": trade.trade_id,
            "trade_version": trade.version,
            "sequence": 1,
            "side": trade.side,
            "isin": trade.isin,
            "instrument_type": trade.instrument_type,
            "currency": trade.currency,
            "book": trade.book,
            "entity_lei": trade.entity_lei,
            "counterparty_lei": trade.counterparty_lei,
            "settlement_calendar": trade.settlement_calendar,
        }


@dataclass
class Life:
    """One trade's events, by topic, and how it ended. current: its last terms."""

    current: Trade
    trade_events: list[Event]
    settlement_events: list[Event] = field(default_factory=list)
    settled: Decimal = Decimal(0)
    failing: bool = False
    settled_before: bool = False
    ended: str = "LEFT"

    @property
    def cash(self) -> Decimal:
        """What its settlements moved in cash."""
        moved = [event for event in self.settlement_events if isinstance(event, InstructionSettled)]
        return sum((-sign(event.side) * event.settled_amount for event in moved), Decimal(0))


def sign(side: Side) -> int:
    return 1 if side is Side.BUY else -1


class Lives:
    """Draws lives of trades: settled in parts, failing, amended in between, cancelled or left open at the end."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def draw(self, random: Random) -> Life:
        trade = self._events.trade(**self._terms(random))
        life = Life(trade, [self._events.captured(trade)])
        for _ in range(random.randint(0, 4)):
            random.choice([self._settle_part, self._fail, self._amend])(life, random)
        random.choice([self._settle_rest, self._cancel, self._leave])(life)
        return life

    @staticmethod
    def _terms(random: Random) -> dict[str, Any]:
        commission = Decimal(random.randint(0, 500)) / 100
        return {
            "side": random.choice(list(Side)),
            "quantity": Decimal(random.randint(1, 500)),
            "gross_amount": Decimal(random.randint(1000, 1_000_000)) / 100,
            "charges": (Charge(type=ChargeType.COMMISSION, amount=commission),),
            "accrued_interest": Decimal(random.randint(0, 100)) / 100,
            "measurement": random.choice(list(Measurement)),
            "book": random.choice(["EQ-1", "EQ-2"]),
            "currency": random.choice(["USD", "EUR"]),
            "settlement_calendar": random.choice(["US", "TARGET"]),
        }

    def _settle_part(self, life: Life, random: Random) -> None:
        remaining = life.current.quantity - life.settled
        if remaining > 1:
            self._settle(life, Decimal(random.randint(1, int(remaining) - 1)))

    def _settle_rest(self, life: Life) -> None:
        self._settle(life, life.current.quantity - life.settled)
        life.ended = "SETTLED"

    def _settle(self, life: Life, quantity: Decimal) -> None:
        settled = self._events.settled(life.current, quantity, already=life.settled, csd_reference=new_id())
        life.settlement_events.append(settled)
        life.settled += quantity

    def _fail(self, life: Life, _: Random) -> None:
        if not life.failing:
            life.settlement_events.append(self._events.failing(life.current, already=life.settled))
            life.failing = True

    def _amend(self, life: Life, random: Random) -> None:
        terms = self._events.trade(trade_id=life.current.trade_id, **self._terms(random))
        life.current = msgspec.structs.replace(terms, version=life.current.version + 1)
        life.trade_events.append(TradeAmended(trade=life.current))
        life.settled_before |= life.settled > 0
        life.settled, life.failing = Decimal(0), False

    def _cancel(self, life: Life) -> None:
        life.trade_events.append(self._events.cancelled(life.current))
        life.settled_before |= life.settled > 0
        life.ended = "CANCELLED"

    def _leave(self, life: Life) -> None:
        pass


def interleave(random: Random, *queues: list[Event]) -> list[Event]:
    """Return all events in some order that keeps each queue's own."""
    waiting = [list(queue) for queue in queues if queue]
    merged = []
    while waiting:
        queue = random.choice(waiting)
        merged.append(queue.pop(0))
        waiting = [left for left in waiting if left]
    return merged


@pytest.fixture(scope="session")
def lives(events: Events) -> Lives:
    return Lives(events)


@pytest.fixture(scope="session")
def interleaved() -> Callable[..., list[Event]]:
    return interleave


@pytest.fixture(scope="session")
def events() -> Events:
    return Events()


@pytest.fixture
async def database_url(migrated_database: Migrated) -> str:
    """Return a fresh ledger database, as the run-time role."""
    return await migrated_database(MIGRATIONS)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()
