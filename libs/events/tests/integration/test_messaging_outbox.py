import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_events.contracts.trading import TradeConfirmed
from backoffice_events.messaging import Transactions
from backoffice_events.messaging.tables import outbox

pytestmark = pytest.mark.integration


def confirmed(trade_id: str, version: int = 1) -> TradeConfirmed:
    return TradeConfirmed(
        trade_id=trade_id, trade_version=version, confirmation_reference="C", confirmation_version=1
    )


async def test_what_a_unit_publishes_is_in_the_outbox_in_order_once_it_commits(
    transactions: Transactions, engine: AsyncEngine
) -> None:
    async with transactions.begin() as unit:
        for version in (1, 2, 3):
            unit.publish(confirmed("t-1", version))
    async with engine.connect() as connection:
        rows = (await connection.execute(select(outbox).order_by(outbox.c.seq))).all()
    assert [row.aggregateid for row in rows] == ["t-1"] * 3
    assert [b'"trade_version":%d' % version in row.payload for version, row in enumerate(rows, 1)] == [
        True
    ] * 3
    assert {row.aggregatetype for row in rows} == {"trading.trades.v1"}


async def _publish_and_fail(transactions: Transactions) -> None:
    async with transactions.begin() as unit:
        unit.publish(confirmed("t-1"))
        _ = 1 / 0


async def test_a_unit_that_is_rolled_back_publishes_nothing(
    transactions: Transactions, engine: AsyncEngine
) -> None:
    async with transactions.begin() as unit:
        unit.publish(confirmed("t-1"))
        unit.rollback_only = True
    with pytest.raises(ZeroDivisionError):
        await _publish_and_fail(transactions)
    async with engine.connect() as connection:
        assert (await connection.execute(select(outbox))).all() == []
