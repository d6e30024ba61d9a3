"""The arithmetic of measuring, and the trades that are measured with."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backoffice_cli.bench import measure
from backoffice_cli.bench.growth import goals, last_to_first
from backoffice_cli.bench.trades import Cast, trades
from backoffice_cli.stack.paths import repository_root
from backoffice_events.contracts.vocabulary import Side

pytestmark = pytest.mark.unit

DAY = date(2024, 8, 8)


@pytest.fixture(scope="module")
def cast() -> Cast:
    return Cast.shipped(repository_root() / "data")


def test_percentiles_are_waits_that_really_occurred() -> None:
    started = {str(n): 1_000.0 for n in range(1, 101)}
    recorded = {str(n): datetime.fromtimestamp(1_000 + n / 1000, UTC) for n in range(1, 101)}
    assert measure.percentiles(started, recorded) == {"p50": 50, "p99": 99}
    assert measure.percentiles(started, {}) == {"p50": None, "p99": None}
    assert measure.percentiles({"1": 1_000.0}, recorded) == {"p50": 1, "p99": 1}


def test_the_mean_batch_size_counts_only_what_came_in_between() -> None:
    before = {"a": (10.0, 10.0), "idle": (7.0, 7.0)}
    after = {"a": (510.0, 15.0), "idle": (7.0, 7.0), "new": (9.0, 2.0)}
    assert measure.mean_batch_sizes(before, after) == {"a": 100.0, "new": 4.5}


def test_processor_time_is_told_per_trade_and_in_total() -> None:
    assert measure.cpu_us_per_trade({"ledger": 1.0}, {"ledger": 1.5, "broker": 0.25}, 1000) == {
        "total": 750,
        "ledger": 500,
        "broker": 250,
    }


def test_no_trade_is_like_another(cast: Cast) -> None:
    made = [*trades(cast, DAY, "00000000000a", 2000), *trades(cast, DAY, "0000000fffff", 2000)]
    assert len({trade.trade_reference for trade in made}) == len(made)
    assert len({trade.executed_at for trade in made}) == len(made)
    assert all(abs(trade.executed_at.date() - DAY) <= timedelta(days=1) for trade in made)


def test_trades_settle_on_their_day_and_stay_within_limits(cast: Cast) -> None:
    made = list(trades(cast, DAY, "a", 3000))
    reference = {isin: price for isin, _, price in cast.instruments}
    assert {trade.settlement_date for trade in made} == {DAY}
    assert all(abs(trade.price / reference[trade.isin] - 1) < Decimal("0.02") for trade in made)
    assert all(trade.price.as_tuple().exponent >= -2 for trade in made)
    sides = Counter(trade.side for trade in made)
    assert abs(sides[Side.BUY] - sides[Side.SELL]) <= len(cast.instruments)


def test_growth_is_measured_at_round_numbers_and_at_the_one_asked_for() -> None:
    assert list(goals(10_000)) == [10_000]
    assert list(goals(120_000)) == [10_000, 20_000, 50_000, 100_000, 120_000]
    assert list(goals(1_000_000))[-2:] == [500_000, 1_000_000]


def test_growth_is_told_beside_what_the_machine_took_for_the_same_events() -> None:
    def point(total: int, consume: int, produce: int) -> dict[str, Any]:
        reference = {"consume_client": consume, "produce_client": produce}
        return {"cpu_us_per_trade": {"total": total}, "reference": {"cpu_us_per_trade": reference}}

    curve = [point(1_000, 100, 60), point(9_999, 1, 1), point(1_500, 125, 75)]
    assert last_to_first(curve) == {"last_to_first": 1.5, "last_to_first_by_reference": 1.2}
