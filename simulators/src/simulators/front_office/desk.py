"""The desk: who dealt with whom for which book, and what it cost. Drawn by seed from who is really there."""

import random
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from backoffice_events.contracts.frontoffice import TradeExecuted
from backoffice_events.contracts.hr import EmploymentStatus
from backoffice_events.contracts.vocabulary import Charge, ChargeType, InstrumentType, Side
from simulators.front_office.coupons import Bond, accrued_interest
from simulators.front_office.tape import TapeTrade
from simulators.market import Market, licensed, status_on
from simulators.money import rounded

_COMMISSION, _LEAST_COMMISSION = Decimal("0.00015"), Decimal("0.50")
_STAMP_DUTY = Decimal("0.005")  # Finance Act 1986 s. 87: UK shares, the buyer pays
_SEC_FEE = Decimal("0.0000278")  # Exchange Act s. 31: 27.80 USD a million from 2024-05-22, the seller pays
_NO_CHARGE_BELOW = Decimal(5)


class NobodyThereError(RuntimeError):
    """The reference topics name nobody who could trade. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class Staff:
    """Traders by product, and those who left."""

    traders: dict[InstrumentType, list[str]]
    leavers: list[str]

    @classmethod
    def of(cls, market: Market, day: date) -> "Staff":
        """Return who may trade what on a day, and who once did. Raises NobodyThereError."""
        people = sorted(market.employees.values(), key=lambda person: person.employee_id)
        working = [p for p in people if status_on(p, day) is EmploymentStatus.EMPLOYED]
        traders = {
            product: [p.employee_id for p in working if licensed(p, product, day)]
            for product in InstrumentType
        }
        if not all(traders.values()):
            raise NobodyThereError("no licensed trader on hr.employees: load the reference data first")
        gone = [p for p in people if p.licences and status_on(p, day) is EmploymentStatus.TERMINATED]
        return cls(traders, [p.employee_id for p in gone])


class Desk:
    """Turns trades of the tape into the firm's executions."""

    def __init__(
        self, market: Market, draw: random.Random, bonds: dict[str, Bond], *, counterparties: int, run: str
    ) -> None:
        self._market = market
        self._draw = draw
        self._bonds = bonds
        self._run = run
        self._staff: dict[date, Staff] = {}
        active = sorted(party.lei for party in market.counterparties.values() if party.active)
        if not active:
            raise NobodyThereError("no active counterparty on record: load the reference data first")
        self._parties = draw.sample(active, min(counterparties, len(active)))

    def execute(self, trade: TapeTrade) -> TradeExecuted:
        """Return the execution that the front office reports for a trade of the tape."""
        slot, draw = trade.slot, self._draw
        fixed_income = slot.instrument_type is InstrumentType.BOND
        return TradeExecuted(
            source_system="OMS-FI" if fixed_income else "OMS-EQ",
            trade_reference=f"{self._run}{trade.reference}",
            version=1,
            side=trade.side,
            isin=slot.isin,
            mic=slot.mic,
            quantity=trade.quantity,
            price=trade.price,
            currency=slot.currency,
            trade_date=trade.trade_date,
            executed_at=trade.executed_at,
            book=draw.choice(slot.books),
            trader=draw.choice(self._staff_on(trade.trade_date).traders[slot.instrument_type]),
            counterparty_lei=draw.choice(self._parties),
            charges=charges(
                trade.side, slot.isin, slot.instrument_type, slot.currency, trade.quantity * trade.price
            ),
            accrued_interest=self._accrued(trade) if fixed_income else None,
        )

    def leaver(self, day: date) -> str | None:
        """Return a trader who had left by that day, if there is one."""
        gone = self._staff_on(day).leavers
        return self._draw.choice(gone) if gone else None

    def _staff_on(self, day: date) -> Staff:
        if day not in self._staff:
            self._staff[day] = Staff.of(self._market, day)
        return self._staff[day]

    def _accrued(self, trade: TapeTrade) -> Decimal:
        slot = trade.slot
        settles = self._market.settlement_date(slot.mic, slot.instrument_type, trade.trade_date)
        per_hundred = accrued_interest(self._bonds[slot.isin], settles or trade.trade_date)
        return rounded(trade.quantity * per_hundred / 100, slot.currency)


def charges(
    side: Side, isin: str, instrument_type: InstrumentType, currency: str, value: Decimal
) -> tuple[Charge, ...]:
    """Return what a trade costs beyond its price; bonds trade net, and small change is not charged for."""
    if instrument_type is InstrumentType.BOND or value < _NO_CHARGE_BELOW:
        return ()
    owed = [(ChargeType.COMMISSION, max(value * _COMMISSION, _LEAST_COMMISSION))]
    if side is Side.BUY and isin.startswith("GB") and instrument_type is InstrumentType.EQUITY:
        owed.append((ChargeType.STAMP_DUTY, value * _STAMP_DUTY))
    if side is Side.SELL and currency == "USD":
        owed.append((ChargeType.EXCHANGE_FEE, value * _SEC_FEE))
    return tuple(
        Charge(type=kind, amount=amount) for kind, raw in owed if (amount := rounded(raw, currency)) > 0
    )
