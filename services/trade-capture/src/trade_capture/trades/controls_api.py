"""What controls and reports ask of trade-capture: STP metrics, and extracts to reconcile by."""

from typing import Annotated, Any

from fastapi import Query

from backoffice_chassis import (
    FieldError,
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    fetch_page,
    invalid,
    requires,
)
from backoffice_chassis.http.vocabulary import Day
from trade_capture.permissions import READ_TRADES
from trade_capture.repair.repository import control_extract as repair_extract
from trade_capture.trades.domain import stp
from trade_capture.trades.metrics import measured_rows
from trade_capture.trades.queries import control_extract as trade_extract
from trade_capture.trades.schemas import (
    ControlRepairOut,
    ControlTradeOut,
    MeasureOut,
    RateOut,
    StpMetricsOut,
)

router = Router(tags=["Controls"])

Reader = Annotated[Principal, requires(READ_TRADES)]


@router.get("/stp-metrics", response_model=StpMetricsOut)
async def read_stp_metrics(
    unit: Unit,
    _: Reader,
    trade_date_from: Annotated[Day, Query()],
    trade_date_to: Annotated[Day, Query()],
) -> StpMetricsOut:
    """Measure how trades of a range of trade dates went through, by count and by gross value per currency.

    Cancelled trades are left out. An entry of the repair queue counts on the trade date that it states, whatever else
    is wrong with it, or on the firm's business date when it came: that of its market's calendar, else the latest. Its
    value is the gross amount that its quantity and price come to, as far as it states them and their currency.
    """
    if trade_date_to < trade_date_from:
        raise invalid([FieldError("/query/trade_date_to", "must not be before trade_date_from")])
    measured = stp.measures(await measured_rows(unit.connection, trade_date_from, trade_date_to))
    return StpMetricsOut(
        trade_date_from=trade_date_from,
        trade_date_to=trade_date_to,
        measures={name: MeasureOut(count=each.count, value=each.value) for name, each in measured.items()},
        rates={
            name: RateOut(count=rate.count, value=dict(rate.value))
            for name, rate in stp.rates(measured).items()
        },
    )


@router.get("/control/trades", response_model=Page[ControlTradeOut])
async def extract_trades(unit: Unit, paging: Paging, _: Reader) -> Any:
    """List keys, versions and states of every trade, and the last record that each came by, to reconcile by."""
    query, order_by = trade_extract(list(ControlTradeOut.model_fields))
    found, cursor = await fetch_page(unit.connection, query, order_by, paging)
    return {"items": found, "next_cursor": cursor}


@router.get("/control/repairs", response_model=Page[ControlRepairOut])
async def extract_repairs(unit: Unit, paging: Paging, _: Reader) -> Any:
    """List keys and states of every entry of the repair queue, to reconcile by."""
    query, order_by = repair_extract(list(ControlRepairOut.model_fields))
    found, cursor = await fetch_page(unit.connection, query, order_by, paging)
    return {"items": found, "next_cursor": cursor}
