"""Which lines each event leads to."""

from decimal import Decimal
from typing import Any

import pytest

from backoffice_events.contracts.vocabulary import Charge, ChargeType, InstrumentType, Measurement, Side
from ledger.accounts import domain as chart
from ledger.journals import posting
from ledger.journals.domain import Line, Movement, PostingError

pytestmark = pytest.mark.unit

ZERO = Decimal(0)


def amounts(lines: tuple[Line, ...]) -> dict[str, Decimal]:
    assert sum(line.amount for line in lines) == 0
    return {line.account: line.amount for line in lines}


def test_a_purchase_at_fair_value_expenses_its_charges(events: Any) -> None:
    assert amounts(posting.trade_date_lines(events.trade())) == {
        "1310": Decimal("1050.00"),
        chart.PAYABLE_UNSETTLED: Decimal("-1054.00"),
        chart.TRANSACTION_COSTS: Decimal("4.00"),
    }


@pytest.mark.parametrize(
    ("measurement", "account"), [(Measurement.FVOCI, "1320"), (Measurement.AMORTISED_COST, "1330")]
)
def test_a_purchase_measured_otherwise_takes_its_charges_into_cost(
    events: Any, measurement: Measurement, account: str
) -> None:
    assert amounts(posting.trade_date_lines(events.trade(measurement=measurement))) == {
        account: Decimal("1054.00"),
        chart.PAYABLE_UNSETTLED: Decimal("-1054.00"),
    }


def test_a_sale_takes_investments_out_at_traded_value_and_expects_the_net_amount(events: Any) -> None:
    assert amounts(posting.trade_date_lines(events.trade(side=Side.SELL))) == {
        chart.RECEIVABLE_UNSETTLED: Decimal("1046.00"),
        "1310": Decimal("-1050.00"),
        chart.TRANSACTION_COSTS: Decimal("4.00"),
    }


def test_a_sale_outside_profit_or_loss_takes_its_charges_off_the_proceeds(events: Any) -> None:
    trade = events.trade(side=Side.SELL, measurement=Measurement.FVOCI)
    assert amounts(posting.trade_date_lines(trade)) == {
        chart.RECEIVABLE_UNSETTLED: Decimal("1046.00"),
        "1320": Decimal("-1046.00"),
    }


@pytest.mark.parametrize(("side", "accrued"), [(Side.BUY, Decimal("12.30")), (Side.SELL, Decimal("-12.30"))])
def test_a_bonds_accrued_interest_is_never_part_of_cost(events: Any, side: Side, accrued: Decimal) -> None:
    bond = events.trade(
        side=side, instrument_type=InstrumentType.BOND, accrued_interest=Decimal("12.30"), charges=()
    )
    lines = amounts(posting.trade_date_lines(bond))
    assert lines[chart.ACCRUED_INTEREST] == accrued
    assert abs(lines["1310"]) == Decimal("1050.00")


def test_all_charges_count(events: Any) -> None:
    charges = (
        Charge(type=ChargeType.COMMISSION, amount=Decimal("1.10")),
        Charge(type=ChargeType.STAMP_DUTY, amount=Decimal("5.25")),
    )
    lines = amounts(posting.trade_date_lines(events.trade(charges=charges)))
    assert lines[chart.TRANSACTION_COSTS] == Decimal("6.35")


def test_a_trade_that_is_worth_nothing_still_leaves_lines(events: Any) -> None:
    lines = posting.trade_date_lines(events.trade(gross_amount=ZERO, charges=()))
    assert [line.amount for line in lines] == [ZERO, ZERO]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"net_amount": Decimal("1050.00")}, "net_amount 1050.00"),
        ({"quantity": ZERO}, "quantity 0 is not positive"),
        ({"gross_amount": Decimal(-1)}, "amount -1 is negative"),
        ({"charges": (Charge(type=ChargeType.OTHER, amount=Decimal(-2)),)}, "amount -2 is negative"),
    ],
)
def test_a_trade_whose_amounts_make_no_sense_is_refused(
    events: Any, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(PostingError, match=told):
        posting.trade_date_lines(events.trade(**changes))


@pytest.mark.parametrize(
    ("side", "unsettled", "sign"),
    [(Side.BUY, chart.PAYABLE_UNSETTLED, 1), (Side.SELL, chart.RECEIVABLE_UNSETTLED, -1)],
)
def test_settlement_moves_cash_against_what_was_unsettled(
    events: Any, side: Side, unsettled: str, sign: int
) -> None:
    trade = events.trade(side=side)
    settled = events.settled(trade)
    assert amounts(posting.settlement_lines(settled, None)) == {
        unsettled: sign * trade.net_amount,
        chart.CASH: -sign * trade.net_amount,
    }
    quantity = sign * trade.quantity
    assert posting.settlement_movement(settled, None) == Movement(ZERO, quantity, -quantity, ZERO)


@pytest.mark.parametrize(
    ("side", "unsettled", "fails", "sign"),
    [
        (Side.BUY, chart.PAYABLE_UNSETTLED, chart.FAILS_TO_RECEIVE, 1),
        (Side.SELL, chart.RECEIVABLE_UNSETTLED, chart.FAILS_TO_DELIVER, -1),
    ],
)
def test_a_fail_reclassifies_what_is_unsettled_without_profit_or_loss(
    events: Any, side: Side, unsettled: str, fails: str, sign: int
) -> None:
    trade = events.trade(side=side)
    failing = events.failing(trade)
    assert amounts(posting.failing_lines(failing)) == {
        unsettled: sign * trade.net_amount,
        fails: -sign * trade.net_amount,
    }
    quantity = sign * trade.quantity
    assert posting.failing_movement(failing) == Movement(ZERO, ZERO, -quantity, quantity)


def test_a_movement_never_changes_what_was_traded_except_by_the_trade_itself(events: Any) -> None:
    trade = events.trade(side=Side.SELL)
    assert posting.trade_date_movement(trade) == Movement(Decimal(-100), ZERO, Decimal(-100), ZERO)
    assert posting.settlement_movement(events.settled(trade, 40), None).trade_date == 0
    assert posting.failing_movement(events.failing(trade)).trade_date == 0
