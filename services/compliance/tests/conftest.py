"""Trades and reference data for tests; with these defaults every check passes."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from backoffice_events.contracts.hr import Employee, Employment, EmploymentStatus, Licence
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import SettlementParties, Trade
from backoffice_events.contracts.vocabulary import InstrumentType, Measurement, Side
from backoffice_events.ids import new_id

DAY = date(2024, 8, 8)
ISIN, MIC, LEI, TRADER = "US0378331005", "XNAS", "5493001KJTIIGC8Y1R12", "E-100"

_TRADE = Trade(
    trade_id="0190f000-0000-7000-8000-000000000001",
    version=1,
    source_system="equities",
    trade_reference="T-1",
    source_version=1,
    side=Side.BUY,
    isin=ISIN,
    instrument_type=InstrumentType.EQUITY,
    mic=MIC,
    quantity=Decimal(100),
    price=Decimal("10.00"),
    currency="USD",
    gross_amount=Decimal("1000.00"),
    charges=(),
    accrued_interest=Decimal(0),
    net_amount=Decimal("1000.00"),
    trade_date=DAY,
    executed_at=datetime(2024, 8, 8, 14, 30, tzinfo=UTC),
    settlement_date=date(2024, 8, 9),
    settlement_calendar="US",
    book="EQ-1",
    entity_lei="549300MLUDYVRQOOXS22",
    measurement=Measurement.FVTPL,
    trader=TRADER,
    counterparty_lei=LEI,
    counterparty_name="Harmless Brokers Ltd",
    settlement_parties=SettlementParties(
        place_of_settlement="DTCYUS33XXX",
        agent_bic="IRVTUS3NXXX",
        safekeeping_account="A-1",
        cash_account="C-1",
        counterparty_bic="CHASUS33XXX",
        counterparty_agent_bic="CHASUS33XXX",
        counterparty_account="A-2",
    ),
)


@pytest.fixture
def make_trade() -> Callable[..., Trade]:
    """Return a factory: each trade is a new one at its own time unless told otherwise."""
    made = 0

    def make(**changes: Any) -> Trade:
        nonlocal made
        made += 1
        price, quantity = changes.get("price", _TRADE.price), changes.get("quantity", _TRADE.quantity)
        defaults = {
            "trade_id": new_id(),
            "trade_reference": f"T-{made}",
            "executed_at": _TRADE.executed_at.replace(microsecond=made),
            "gross_amount": price * quantity,
        }
        return msgspec.structs.replace(_TRADE, **(defaults | changes))

    return make


@pytest.fixture
def instrument() -> InstrumentChanged:
    """Return the instrument of the trades, with a reference price."""
    return InstrumentChanged(
        isin=ISIN,
        mic=MIC,
        version=1,
        name="Apple Inc",
        cfi="ESVUFR",
        instrument_type=InstrumentType.EQUITY,
        currency="USD",
        active=True,
        reference_price=Decimal("10.00"),
        price_date=DAY,
    )


@pytest.fixture
def counterparty() -> CounterpartyChanged:
    """Return the counterparty of the trades."""
    return CounterpartyChanged(
        lei=LEI, version=1, name="Harmless Brokers Ltd", bic="CHASUS33XXX", country="US", active=True
    )


@pytest.fixture
def employee() -> Employee:
    """Return the trader, employed and licensed for shares since 2020."""
    return Employee(
        employee_id=TRADER,
        version=1,
        department="Equities",
        employment=(Employment(status=EmploymentStatus.EMPLOYED, effective_from=date(2020, 1, 1)),),
        licences=(Licence(product=InstrumentType.EQUITY, valid_from=date(2020, 1, 1)),),
    )
