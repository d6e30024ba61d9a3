"""Controls over HTTP: control totals, and the extract by trade that reconciliations read."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row

from backoffice_chassis import Page, Paging, ReportRoute, Router, Unit
from ledger.controls import repository
from ledger.controls.schemas import (
    ControlTotals,
    CurrencyControl,
    Difference,
    JournalReference,
    TradeAmounts,
    TradeExtract,
)
from ledger.reading import Controller, hold_view

router: Final = Router(tags=["controls"])
totals_router: Final = Router(tags=["controls"], route_class=ReportRoute)


@totals_router.get("/control-totals")
async def get_control_totals(unit: Unit, _: Controller) -> ControlTotals:
    """Prove the books: balanced, complete, nothing twice, rollups equal to lines. Reads every line."""
    await hold_view(unit.connection)
    counts = await repository.counts(unit.connection)
    unbalanced = await repository.unbalanced_journals(unit.connection)
    incomplete = await repository.incomplete_journals(unit.connection)
    balances = _differences(await repository.balance_differences(unit.connection))
    positions = _differences(await repository.position_differences(unit.connection))
    add_up = await repository.positions_add_up(unit.connection)
    sound = not (unbalanced or incomplete or counts.duplicates or balances or positions)
    return ControlTotals(
        ok=sound and add_up,
        **counts._mapping,
        balanced=not unbalanced,
        unbalanced_journals=unbalanced,
        incomplete_journals=incomplete,
        rollups_equal_lines=not balances,
        balance_differences=balances,
        positions_equal_movements=not positions,
        position_differences=positions,
        positions_add_up=add_up,
        currencies=[_currency(row) for row in await repository.currencies(unit.connection)],
    )


@router.get("/trades")
async def list_trades(unit: Unit, _: Controller, page: Paging) -> Page[TradeExtract]:
    """Return, trade by trade, which journals exist and what they leave unsettled, failing and settled."""
    await hold_view(unit.connection)
    trades, cursor = await repository.trade_ids(unit.connection, page)
    journals = _by_trade(await repository.trade_journals(unit.connection, trades))
    amounts = _by_trade(await repository.trade_amounts(unit.connection, trades))
    quantities = _by_trade(await repository.trade_quantities(unit.connection, trades))
    items = [
        TradeExtract(
            trade_id=trade,
            **_quantities(quantities[trade]),
            amounts=[TradeAmounts(**row._mapping) for row in amounts[trade]],
            journals=[JournalReference(**row._mapping) for row in journals[trade]],
        )
        for trade in trades
    ]
    return Page(items=items, next_cursor=cursor)


def _differences(rows: Iterable[Row[Any]]) -> list[Difference]:
    return [Difference(**row._mapping) for row in rows]


def _currency(row: Row[Any]) -> CurrencyControl:
    amounts = {
        name: Decimal(0) if value is None else value
        for name, value in row._mapping.items()
        if name != "currency"
    }
    return CurrencyControl(currency=row.currency, balanced=amounts["debit"] == amounts["credit"], **amounts)


def _by_trade(rows: Iterable[Row[Any]]) -> dict[str, list[Row[Any]]]:
    trades: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        trades[row.trade_id].append(row)
    return trades


def _quantities(rows: Sequence[Row[Any]]) -> dict[str, Decimal]:
    """Return the quantities of a trade, zeros when it has no journal (its only event was refused)."""
    names = ("trade_date_quantity", "settled_quantity", "unsettled_quantity", "failing_quantity")
    return {name: rows[0]._mapping[name] if rows else Decimal(0) for name in names}
