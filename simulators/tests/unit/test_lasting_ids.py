"""Ids of outsiders' words: lasting, and rising with the time of what they are about."""

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from backoffice_events.contracts.counterparty import ConfirmationSent
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.ids import new_id
from simulators.counterparties.behaviour import Behaviour, Rates
from simulators.counterparties.confirming import Dealt
from simulators.csd.depository import said_id
from simulators.ids import lasting_id, milliseconds

pytestmark = pytest.mark.unit

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
RIGHT = ConfirmationSent(
    counterparty_lei="LEI1",
    confirmation_reference="CNF-T1",
    version=1,
    source_system="OMS",
    trade_reference="T1",
    side=Side.SELL,
    isin="US0378331005",
    quantity=Decimal(100),
    price=Decimal("213.305"),
    currency="USD",
    net_amount=Decimal("21330.50"),
    trade_date=date(2024, 8, 8),
    settlement_date=date(2024, 8, 9),
)


def test_a_name_has_one_id_for_ever() -> None:
    assert lasting_id("a name", 0x0191_2345_6789) == "01912345-6789-8f78-8a11-d2ec52179c3a"


def test_an_id_is_a_uuid_of_version_8_that_begins_with_the_time() -> None:
    known = uuid.UUID(lasting_id("a name", milliseconds(NOON)))
    assert (known.version, known.variant) == (8, uuid.RFC_4122)
    assert known.int >> 80 == NOON.timestamp() * 1000


def test_different_names_of_one_moment_have_different_ids() -> None:
    assert len({lasting_id(f"name {n}", 1) for n in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1),  # noqa: DTZ001 - a front office may leave the zone out
        datetime(9999, 12, 31),  # noqa: DTZ001
        datetime(1, 1, 1, tzinfo=UTC),
    ],
)
def test_any_moment_that_can_be_stated_gives_an_id(moment: datetime) -> None:
    assert uuid.UUID(lasting_id("a name", milliseconds(moment))).version == 8


def test_a_moment_is_the_same_in_every_time_zone() -> None:
    assert milliseconds(NOON.astimezone(timezone(timedelta(hours=9)))) == milliseconds(NOON)


def test_confirmations_rise_with_the_time_of_execution() -> None:
    drawn = Behaviour(Rates(), "1")
    ids = [
        sending.event_id
        for n in range(100)
        for sending in drawn.sendings(Dealt(RIGHT, NOON + n * timedelta(milliseconds=1)))
    ]
    assert ids == sorted(set(ids))


def test_what_the_csd_says_rises_with_the_instructions() -> None:
    instructions = [new_id().replace("-", "") for _ in range(100)]
    ids = [said_id(instruction, "settle") for instruction in instructions]
    assert [said.replace("-", "")[:12] for said in ids] == [each[:12] for each in instructions]


def test_an_instruction_under_any_other_name_has_an_id_too() -> None:
    assert said_id("MY TRADE 1", "settle") != said_id("MY TRADE 2", "settle")
