"""What a batch of records does to a service's database, whatever is in it."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backoffice_events.contracts.base import Event, Topic
from backoffice_events.messaging import (
    Batch,
    ConsumerSpec,
    Redriver,
    Result,
    Transactions,
    Undecodable,
    UnitOfWork,
)
from backoffice_events.messaging.actions import Action, By
from backoffice_events.messaging.breaker import DeadLetterCap, DeadLetterCapError
from backoffice_events.messaging.failures import is_infrastructure
from backoffice_events.messaging.headers import unpack
from backoffice_events.messaging.processor import LOSSES, Processor
from backoffice_events.records import MAX_RECORD_BYTES, Record

pytestmark = pytest.mark.integration

Contract = Callable[..., type[Event]]
Arrival = Callable[..., Record]
Until = Callable[..., Awaitable[None]]
GROUP = "test.batches"


def processor(transactions: Transactions, spec: ConsumerSpec, cap: DeadLetterCap | None = None) -> Processor:
    return Processor(spec, transactions, cap or DeadLetterCap())


async def test_an_event_that_comes_twice_takes_effect_once(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process
    event = made(name="a", number=1)
    await process([arrival(event, event_id="first"), arrival(event, event_id="first")])
    await process([arrival(event, event_id="first"), arrival(made(name="a", number=2))])
    assert await ledger.effects() == [1, 2]


async def test_another_event_under_an_id_that_was_used_before_is_no_resend(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process
    await process([arrival(made(name="a", number=number), event_id="reused") for number in (1, 2)])
    assert await ledger.effects() == [1, 2]


async def test_another_consumer_of_the_service_takes_the_same_event_for_itself(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    record = arrival(made(name="a", number=1))
    for group in ("test.one", "test.two"):
        await processor(transactions, ConsumerSpec(group, (made,), ledger.handle)).process([record])
    assert await ledger.effects() == [1, 1]


@pytest.mark.parametrize("ordered", [False, True])
async def test_an_event_at_fault_is_found_and_the_others_take_effect(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival, ordered: bool
) -> None:
    made = contract()
    ledger.poison = {7, 30}
    spec = ConsumerSpec(GROUP, (made,), ledger.handle, ordered=ordered)
    records = [arrival(made(name=str(number), number=number)) for number in range(40)]
    await processor(transactions, spec).process(records)
    assert await ledger.effects() == [number for number in range(40) if number not in {7, 30}]
    dead = await ledger.rows("dead_letter")
    assert [(row.key, row.reason) for row in dead] == [
        ("7", "ValueError: poison 7"),
        ("30", "ValueError: poison 30"),
    ]
    assert dead[0].value == records[7].value
    assert unpack(dead[0].headers) == records[7].headers


async def test_a_dead_letter_leaves_a_copy_for_its_topic_in_the_same_transaction(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    ledger.refused = {1}
    record = arrival(made(name="a", number=1))
    await processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process([record])
    (copy,) = await ledger.rows("outbox")
    assert copy.aggregatetype == f"{made.topic.name}.{GROUP}.dlq"
    assert (copy.aggregateid, copy.payload) == ("a", record.value)
    headers = dict(unpack(copy.headers))
    assert headers["dlq_reason"] == b"no use for 1"
    assert headers["dlq_offset"] == b"%d" % record.offset
    assert headers["ce_id"] == dict(record.headers)["ce_id"]


async def test_nothing_takes_effect_when_a_dead_letter_cannot_be_written(
    transactions: Transactions, engine: AsyncEngine, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    ledger.poison = {1}
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE dead_letter RENAME TO away"))
    records = [arrival(made(name="a", number=1))]
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process
    with pytest.raises(DBAPIError) as failure:
        await process(records)
    assert is_infrastructure(failure.value)
    assert await ledger.rows("inbox") == []
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO dead_letter"))
    await process(records)
    assert len(await ledger.rows("dead_letter")) == 1


@pytest.mark.parametrize("trouble", [ConnectionResetError("cut"), TimeoutError(), OSError("disk")])
async def test_infrastructure_trouble_is_nobodys_dead_letter(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival, trouble: Exception
) -> None:
    made = contract()

    async def fail(_: Batch) -> None:
        raise trouble

    ledger.before = fail
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process
    records = [arrival(made(name="a", number=number)) for number in (1, 2)]
    with pytest.raises(type(trouble)):
        await process(records)
    ledger.before = None
    await process(records)
    assert await ledger.effects() == [1, 2]
    assert await ledger.rows("dead_letter") == []


@pytest.mark.parametrize("state", ["40001", "40P01", "53100", "57P01", "55P03", "25006", "42703", "42883"])
async def test_trouble_that_the_database_reports_is_infrastructure(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival, state: str
) -> None:
    made = contract()

    async def fail(batch: Batch) -> None:
        await batch.connection.execute(
            text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")
        )

    ledger.before = fail
    with pytest.raises(DBAPIError):
        await processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process(
            [arrival(made(name="a", number=1))]
        )
    assert await ledger.rows("dead_letter") == []


@pytest.mark.parametrize("state", ["23505", "23514", "22003", "P0001", "55000"])
async def test_what_the_database_refuses_is_the_events_fault(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival, state: str
) -> None:
    made = contract()

    async def fail(batch: Batch) -> None:
        await batch.connection.execute(
            text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")
        )

    ledger.before = fail
    await processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process(
        [arrival(made(name="a", number=1))]
    )
    assert len(await ledger.rows("dead_letter")) == 1


async def _end_our_session(batch: Batch) -> None:
    await batch.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def test_a_database_that_ends_our_session_is_infrastructure(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    ledger.before = _end_our_session
    records = [arrival(made(name="a", number=1))]
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process
    with pytest.raises(DBAPIError) as failure:
        await process(records)
    assert is_infrastructure(failure.value)
    ledger.before = None
    await process(records)
    assert await ledger.effects() == [1]


async def test_an_event_over_which_the_connection_breaks_each_time_becomes_a_dead_letter(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival, until: Until
) -> None:
    made = contract()
    spec = ConsumerSpec(GROUP, (made,), ledger.handle)
    process = processor(transactions, spec).process
    records = [arrival(made(name="a", number=number)) for number in range(1, 6)]
    ledger.before = _breaking_connections_over(3, until)
    for _ in range(LOSSES - 1):
        with pytest.raises(DBAPIError):
            await process(records)
    assert await ledger.effects() == []
    await process(records)
    assert await ledger.effects() == [1, 2, 4, 5]
    (dead,) = await ledger.rows("dead_letter")
    assert dead.value == records[2].value
    assert "closed" in dead.reason


def _breaking_connections_over(number: int, until: Until) -> Callable[[Batch], Awaitable[None]]:
    """Return what ends the connection without a word, as a server does with a statement that is too long for it."""

    async def cut(batch: Batch) -> None:
        if not any(received.event.number == number for received in batch.events):
            return
        driver: Any = (await batch.connection.get_raw_connection()).driver_connection
        sleeping = asyncio.ensure_future(batch.connection.execute(text("SELECT pg_sleep(600)")))
        pid = driver.get_server_pid()
        async with batch.connection.engine.connect() as onlooker:
            await until(lambda: _is_sleeping(onlooker, pid))
            driver._transport.abort()
            await onlooker.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})  # nobody hears it
        await sleeping

    return cut


async def _is_sleeping(onlooker: AsyncConnection, pid: int) -> bool:
    """Tell whether a session waits in `pg_sleep`. Each look is a transaction: one sees the statistics but once."""
    waits = text("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = :pid")
    found = (await onlooker.execute(waits, {"pid": pid})).scalar_one()
    await onlooker.rollback()
    return bool(found)


async def test_a_connection_that_breaks_while_the_database_is_away_is_nobodys_fault(
    transactions: Transactions,
    ledger: Any,
    contract: Contract,
    arrival: Arrival,
    until: Until,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(_: Processor) -> bool:
        return False

    monkeypatch.setattr(Processor, "_database_answers", away)
    made = contract()
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process
    ledger.before = _breaking_connections_over(1, until)
    for _ in range(LOSSES + 1):
        with pytest.raises(DBAPIError):
            await process([arrival(made(name="a", number=1))])
    assert await ledger.rows("dead_letter") == []


async def test_whoever_ends_our_sessions_time_and_again_makes_no_dead_letter(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    ledger.before = _end_our_session
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process
    for _ in range(LOSSES + 1):
        with pytest.raises(DBAPIError):
            await process([arrival(made(name="a", number=1))])
    assert await ledger.rows("dead_letter") == []


async def test_records_of_much_content_are_taken_in_transactions_that_hold_it(
    transactions: Transactions,
    ledger: Any,
    contract: Contract,
    arrival: Arrival,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = contract()
    records = [arrival(made(name="a", number=number)) for number in range(1, 8)]
    size = len(records[0].value or b"")
    monkeypatch.setattr("backoffice_events.messaging.processor.PORTION_BYTES", 3 * size)
    await processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process(records)
    assert ledger.batches == [3, 3, 1]
    assert await ledger.effects() == [1, 2, 3, 4, 5, 6, 7]


async def test_a_record_that_no_broker_would_take_as_it_is_goes_to_the_dead_letters_at_once(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    offered: list[int] = []

    async def take(_: UnitOfWork, records: Sequence[Undecodable]) -> Sequence[Undecodable]:
        offered.extend(each.offset for each in records)
        return []

    spec = ConsumerSpec(GROUP, (made,), ledger.handle, undecodable=take)
    sizes = (MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1)
    records = [arrival(made(name="a", number=1), value=b" " * size) for size in sizes]
    await processor(transactions, spec).process(records)
    assert offered == [records[0].offset]
    (dead,) = await ledger.rows("dead_letter")
    assert dead.value == records[1].value
    async with transactions.begin() as unit:
        [answer] = await Redriver(transactions, [spec]).take_within(
            unit, Action.REDRIVE, [str(dead.id)], By("sre-1", "try again")
        )
    assert answer.result is Result.FAILED
    assert offered == [records[0].offset]


async def test_later_events_of_a_key_wait_behind_its_dead_letter_and_other_keys_go_on(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    ledger.refused = {2}
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle, ordered=True)).process
    await process(
        [arrival(made(name="a", number=number)) for number in (1, 2, 3)] + [arrival(made(name="b", number=9))]
    )
    await process([arrival(made(name="a", number=4)), arrival(made(name="b", number=10))])
    assert await ledger.effects("a") == [1]
    assert await ledger.effects("b") == [9, 10]
    assert [row.key for row in await ledger.rows("dead_letter")] == ["a"]
    parked = await ledger.rows("parked_event")
    assert [b'"number":%d}' % number in row.value for number, row in zip((3, 4), parked, strict=True)] == [
        True
    ] * 2


async def test_what_is_refused_behind_a_dead_letter_of_its_key_waits_as_if_it_had_come_later(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    ledger.refused = {1, 2}
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle, ordered=True)).process
    await process([arrival(made(name="a", number=number)) for number in (1, 2)])
    assert [row.reason for row in await ledger.rows("dead_letter")] == ["no use for 1"]
    assert [row.record_offset for row in await ledger.rows("parked_event")] == [1]


async def test_an_undecodable_record_blocks_its_key_across_the_topics_of_an_ordered_consumer(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    one, other = contract(), contract()
    process = processor(transactions, ConsumerSpec(GROUP, (one, other), ledger.handle, ordered=True)).process
    await process([arrival(one(name="a", number=1), value=b"{")])
    await process([arrival(other(name="a", number=2)), arrival(other(name="b", number=3))])
    assert await ledger.effects() == [3]
    assert len(await ledger.rows("parked_event")) == 1


async def test_a_service_may_take_undecodable_records_itself(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()

    async def take_texts(unit: UnitOfWork, records: Sequence[Undecodable]) -> Sequence[Undecodable]:
        taken = [each for each in records if each.value == b"{"]
        for _ in taken:
            await unit.connection.execute(text("INSERT INTO effect (name, number) VALUES ('repair', 0)"))
        return [each for each in records if each not in taken]

    spec = ConsumerSpec(GROUP, (made,), ledger.handle, undecodable=take_texts)
    records = [arrival(made(name="a", number=1), value=value) for value in (b"{", b"\xff")]
    for _ in range(2):  # and a redelivery changes nothing
        await processor(transactions, spec).process([*records, arrival(made(name="a", number=2))])
    assert await ledger.effects("repair") == [0]
    assert [row.value for row in await ledger.rows("dead_letter")] == [b"\xff"]


async def test_a_service_that_fails_on_an_undecodable_record_gets_it_dead_lettered(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()

    async def fail(unit: UnitOfWork, records: Sequence[Undecodable]) -> Sequence[Undecodable]:
        raise KeyError("ours")

    spec = ConsumerSpec(GROUP, (made,), ledger.handle, undecodable=fail)
    good, bad = arrival(made(name="a", number=1)), arrival(made(name="a", number=2), value=b"{")
    await processor(transactions, spec).process([good, bad])
    assert await ledger.effects() == [1]
    assert [row.reason for row in await ledger.rows("dead_letter")] == ["KeyError: 'ours'"]


async def test_other_types_of_the_topic_are_passed_over_and_unknown_ones_dead_lettered(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    wanted = contract()
    other = contract(wanted.topic)
    record = arrival(wanted(name="a", number=1))
    unknown = [
        (name, b"backoffice.test.unheard-of.v1" if name == "ce_type" else value)
        for name, value in record.headers
    ]
    await processor(transactions, ConsumerSpec(GROUP, (wanted,), ledger.handle)).process(
        [arrival(other(name="a", number=2)), arrival(wanted(name="a", number=3), headers=unknown)]
    )
    assert await ledger.effects() == []
    (dead,) = await ledger.rows("dead_letter")
    assert "unknown event type" in dead.reason
    assert len(await ledger.rows("inbox")) == 1


async def test_a_known_type_on_a_topic_where_it_does_not_belong_is_dead_lettered(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    wanted, stray = contract(), contract()
    record = arrival(stray(name="a", number=1), topic=wanted.topic.name)
    await processor(transactions, ConsumerSpec(GROUP, (wanted,), ledger.handle)).process([record])
    assert [row.reason for row in await ledger.rows("dead_letter")] == [
        f"{stray.event_type} belongs on {stray.topic.name}, not on {wanted.topic.name}"
    ]


async def test_what_did_not_take_effect_is_in_the_log_with_all_that_finds_it(
    transactions: Transactions,
    ledger: Any,
    contract: Contract,
    arrival: Arrival,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = contract()
    traceparent = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
    broken, late = arrival(made(name="a", number=1), value=b"{"), arrival(made(name="a", number=2))
    records = [
        Record(r.topic, r.key, r.value, [*r.headers, traceparent], 0, r.offset) for r in (broken, late)
    ]
    spec = ConsumerSpec(GROUP, (made,), ledger.handle, ordered=True)
    with caplog.at_level("INFO", logger="backoffice.messaging"):
        await processor(transactions, spec).process(records)
    dead, parked = [vars(line) for line in caplog.records]
    for line, record in ((dead, broken), (parked, late)):
        assert (line["event_id"], line["key"]) == (dict(record.headers)["ce_id"].decode(), "a")
        assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "JSON" in dead["reason"] or "truncated" in dead["reason"]


async def test_a_plain_tombstone_is_passed_over_on_a_compacted_topic_and_dead_lettered_elsewhere(
    transactions: Transactions,
    ledger: Any,
    contract: Contract,
    arrival: Arrival,
    caplog: pytest.LogCaptureFixture,
) -> None:
    compacted = contract(Topic("test.compacted.v1", owner="test", compacted=True))
    plain = contract()
    process = processor(transactions, ConsumerSpec(GROUP, (compacted, plain), ledger.handle)).process
    with caplog.at_level("WARNING", logger="backoffice.messaging"):
        await process(
            [arrival(made(name="a", number=1), value=None, headers=[]) for made in (compacted, plain)]
        )
    assert [row.topic for row in await ledger.rows("dead_letter")] == [plain.topic.name]
    (line,) = [vars(each) for each in caplog.records if each.message == "a tombstone was passed over"]
    assert (line["topic"], line["key"]) == (compacted.topic.name, "a")


async def test_an_event_without_a_value_is_a_dead_letter_on_a_compacted_topic_too(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract(Topic("test.compacted.v1", owner="test", compacted=True))
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process
    await process([arrival(made(name="a", number=1), value=None)])
    assert [row.reason for row in await ledger.rows("dead_letter")] == ["record has no value"]


async def test_hostile_bytes_are_kept_as_they_came(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    hostile = [("ce_id", b"\x00\xff"), ("x", b"\xfe"), ("x", b"twice")]
    record = arrival(made(name="a", number=1), key=b"\xff\x00", value=b"\x00" * 900_000, headers=hostile)
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle, ordered=True)).process
    await process([record])
    (dead,) = await ledger.rows("dead_letter")
    assert (dead.record_key, dead.value, unpack(dead.headers)) == (record.key, record.value, hostile)
    (copy,) = await ledger.rows("outbox")
    assert len(copy.payload) < 900_000
    assert dict(unpack(copy.headers))["dlq_key"] == record.key


async def test_a_key_longer_than_any_events_is_kept_and_blocks_nothing(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    key = secrets.token_hex(4000).encode()  # more than an index of the database can hold
    process = processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle, ordered=True)).process
    await process([arrival(made(name="a", number=number), key=key) for number in (1, 2)])
    assert [(dead.key, dead.record_key) for dead in await ledger.rows("dead_letter")] == [(None, key)] * 2


async def test_a_copy_leaves_out_the_headers_that_no_broker_would_take_back(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    headers = [("ce_id", b"1"), ("junk", b"x" * 300_000), ("small", b"y")]
    record = arrival(made(name="a", number=1), key=b"k" * 200_000, value=b"\x00" * 500_000, headers=headers)
    await processor(transactions, ConsumerSpec(GROUP, (made,), ledger.handle)).process([record])
    (copy,) = await ledger.rows("outbox")
    copied = dict(unpack(copy.headers))
    assert copied.keys().isdisjoint({"junk", "dlq_key"})
    assert (copied["small"], copied["dlq_truncated"]) == (
        b"y",
        b"the whole record is in the table dead_letter",
    )
    (dead,) = await ledger.rows("dead_letter")
    assert (dead.record_key, dead.value, unpack(dead.headers)) == (record.key, record.value, headers)


async def test_a_flood_of_dead_letters_stops_the_consumer(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    spec = ConsumerSpec(GROUP, (made,), ledger.handle)
    process = processor(transactions, spec, DeadLetterCap(window=10, share=0.5)).process
    await process([arrival(made(name="a", number=1)) for _ in range(5)])
    await process([arrival(made(name="a", number=1), value=b"{") for _ in range(5)])
    with pytest.raises(DeadLetterCapError, match="6 of the last 11"):
        await process([arrival(made(name="a", number=1), value=b"{")])


async def test_a_topic_read_anew_does_not_stop_the_consumer_for_its_old_dead_letters(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()
    process = processor(
        transactions, ConsumerSpec(GROUP, (made,), ledger.handle), DeadLetterCap(window=10)
    ).process
    good = [arrival(made(name=str(number), number=1)) for number in range(20)]
    for _ in range(20):
        await process([*good, arrival(made(name="a", number=1), value=b"{")])
    assert len(await ledger.rows("dead_letter")) == 20


async def test_what_a_refused_event_published_before_stays_unsent(
    transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival
) -> None:
    made = contract()

    async def publish_then_fail(batch: Batch) -> None:
        for received in batch.events:
            batch.publish(received.event, cause=received)
            if received.event.number == 2:
                raise ValueError("after publishing")

    records = [arrival(made(name=str(number), number=number)) for number in (1, 2, 3)]
    await processor(transactions, ConsumerSpec(GROUP, (made,), publish_then_fail)).process(records)
    sent = [row.aggregateid for row in await ledger.rows("outbox") if not row.aggregatetype.endswith("dlq")]
    assert sent == ["1", "3"]
