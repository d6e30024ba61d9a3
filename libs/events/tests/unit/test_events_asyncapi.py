from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.asyncapi.document import document
from backoffice_events.asyncapi.yaml import dump
from backoffice_events.contracts.compliance import TradeCleared
from backoffice_events.contracts.trading import TradeCaptured, TradeConfirmed
from backoffice_events.messaging import Batch, ConsumerSpec
from backoffice_events.schemas.generate import COMMITTED

pytestmark = pytest.mark.unit

texts = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
values = st.recursive(
    texts | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


async def handle(_: Batch) -> None:
    """Take nothing."""


@pytest.fixture(scope="module")
def settlement() -> dict[str, Any]:
    contracts = (TradeCaptured, TradeConfirmed, TradeCleared)
    spec = ConsumerSpec("settlement.trades", contracts, handle, ordered=True)
    return document(
        name="settlement",
        title="Settlement",
        description="…",
        version="1",
        consumers=[spec],
        schemas=str(COMMITTED),
    )


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


@given(value=st.dictionaries(texts, values, min_size=1, max_size=3))
def test_yaml_reads_back_as_it_was_written(value: dict[str, Any]) -> None:
    assert yaml.safe_load(dump(value)) == value


def test_every_reference_leads_somewhere(settlement: dict[str, Any]) -> None:
    found = list(references(settlement))
    assert found
    for reference in found:
        if reference.startswith("#/"):
            place: Any = settlement
            for step in reference[2:].split("/"):
                place = place[step]
        else:
            assert Path(reference).is_file()


def test_a_consumer_is_an_operation_with_its_group_and_the_messages_that_it_takes(
    settlement: dict[str, Any],
) -> None:
    operation = settlement["operations"]["receive.settlement.trades.trading.trades.v1"]
    assert operation["action"] == "receive"
    assert operation["bindings"]["kafka"]["groupId"]["const"] == "settlement.trades"
    titles = [each["$ref"].rsplit("/", 1)[1] for each in operation["messages"]]
    assert titles == ["TradeCaptured", "TradeConfirmed"]
    assert "trading.trades.v1.settlement.trades.dlq" in settlement["channels"]


def test_a_service_sends_what_is_declared_on_the_topics_it_owns(settlement: dict[str, Any]) -> None:
    sending = {name for name, each in settlement["operations"].items() if each["action"] == "send"}
    assert sending == {"send.csd.instructions.v1", "send.settlement.instructions.v1"}
