"""What an operator's redrive or discard does, alone, twice, and against live events of the same key."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_events import cloudevents
from backoffice_events.cloudevents import decode
from backoffice_events.contracts.base import Event
from backoffice_events.ids import new_id
from backoffice_events.messaging import (
    Answer,
    Batch,
    ConsumerSpec,
    Redriver,
    Result,
    Transactions,
    dead_letters,
)
from backoffice_events.messaging.actions import Action, By
from backoffice_events.messaging.breaker import DeadLetterCap
from backoffice_events.messaging.following import take_in_order
from backoffice_events.messaging.processor import Processor
from backoffice_events.records import Record

pytestmark = pytest.mark.integration

Contract = Callable[..., type[Event]]
Arrival = Callable[..., Record]
Until = Callable[..., Awaitable[None]]
WHO = By("olivia.operations", "instrument was missing")


@contextlib.contextmanager
def older_release(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read events as a release does that knows no type of them yet."""
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(cloudevents, "contract_of", lambda _: None)
        meanwhile.setattr(cloudevents, "_contract_named", cloudevents._contract_named.__wrapped__)
        yield


class Desk:
    """An ordered consumer with a dead letter at number 2 of key `a` and three events behind it."""

    def __init__(self, transactions: Transactions, ledger: Any, made: type[Event], arrival: Arrival) -> None:
        self.ledger, self.made, self.arrival = ledger, made, arrival
        self.spec = ConsumerSpec("test.redrive", (made,), ledger.handle, ordered=True)
        self.process = Processor(self.spec, transactions, DeadLetterCap()).process
        self.redriver = Redriver(transactions, [self.spec])
        self.transactions = transactions

    async def events(self, *numbers: int) -> None:
        await self.process([self.arrival(self.made(name="a", number=number)) for number in numbers])

    async def redrive(self, dead_letter_id: object, by: By, *, dry_run: bool = False) -> Answer:
        return await self._take(Action.REDRIVE, dead_letter_id, by, dry_run=dry_run)

    async def discard(self, dead_letter_id: object, by: By) -> Answer:
        return await self._take(Action.DISCARD, dead_letter_id, by)

    async def _take(self, action: Action, dead_letter_id: object, by: By, *, dry_run: bool = False) -> Answer:
        async with self.transactions.begin() as unit:
            unit.rollback_only = dry_run
            [answer] = await self.redriver.take_within(unit, action, [str(dead_letter_id)], by)
        return answer

    async def release(self, key: str, by: By) -> Answer:
        async with self.transactions.begin() as unit:
            return await self.redriver.release(unit, "test.redrive", key, by)

    async def dead(self) -> list[Any]:
        return [row for row in await self.ledger.rows("dead_letter") if row.status == "open"]


@pytest.fixture
async def desk(transactions: Transactions, ledger: Any, contract: Contract, arrival: Arrival) -> Desk:
    desk = Desk(transactions, ledger, contract(), arrival)
    ledger.refused = {2}
    await desk.events(1, 2, 3)
    await desk.events(4)
    ledger.refused = set()
    return desk


async def test_a_redrive_takes_the_dead_letter_and_then_its_followers_in_order(desk: Desk) -> None:
    (dead,) = await desk.dead()
    answer = await desk.redrive(dead.id, WHO)
    assert (answer.result, answer.followers) == (Result.REDRIVEN, 2)
    assert await desk.ledger.effects() == [1, 2, 3, 4]
    assert await desk.ledger.rows("parked_event") == []
    await desk.events(5)
    assert await desk.ledger.effects() == [1, 2, 3, 4, 5]


async def test_every_redrive_is_recorded_with_who_why_and_when(desk: Desk) -> None:
    (dead,) = await desk.dead()
    await desk.redrive(dead.id, WHO)
    (action,) = await desk.ledger.rows("dead_letter_action")
    assert (action.dead_letter_id, action.action, action.outcome) == (dead.id, "redrive", "redriven")
    assert (action.actor, action.why) == ("olivia.operations", "instrument was missing")
    assert action.at is not None


async def test_a_second_redrive_does_nothing(desk: Desk) -> None:
    (dead,) = await desk.dead()
    answers = await asyncio.gather(*[desk.redrive(dead.id, WHO) for _ in range(4)])
    assert sorted(answer.result for answer in answers) == [Result.ALREADY_DONE] * 3 + [Result.REDRIVEN]
    assert await desk.ledger.effects() == [1, 2, 3, 4]


async def test_a_redrive_that_fails_again_leaves_everything_as_it_was_but_counts(desk: Desk) -> None:
    desk.ledger.poison = {2}
    (dead,) = await desk.dead()
    answer = await desk.redrive(dead.id, WHO)
    assert (answer.result, answer.reason) == (Result.FAILED, "ValueError: poison 2")
    (dead,) = await desk.dead()
    assert (dead.attempts, dead.reason) == (2, "ValueError: poison 2")
    assert await desk.ledger.effects() == [1]
    assert len(await desk.ledger.rows("parked_event")) == 2


async def test_a_follower_that_fails_becomes_the_dead_letter_that_the_rest_waits_behind(desk: Desk) -> None:
    desk.ledger.refused = {3}
    (dead,) = await desk.dead()
    answer = await desk.redrive(dead.id, WHO)
    assert (answer.result, answer.followers) == (Result.REDRIVEN, 0)
    await desk.events(5)
    assert await desk.ledger.effects() == [1, 2]
    desk.ledger.refused = set()
    (dead,) = await desk.dead()
    await desk.redrive(dead.id, WHO)
    assert await desk.ledger.effects() == [1, 2, 3, 4, 5]


async def test_a_discard_keeps_the_record_and_lets_the_followers_go_on(desk: Desk) -> None:
    (dead,) = await desk.dead()
    answer = await desk.discard(dead.id, WHO)
    assert (answer.result, answer.followers) == (Result.DISCARDED, 2)
    assert await desk.ledger.effects() == [1, 3, 4]
    (kept,) = await desk.ledger.rows("dead_letter")
    assert (kept.status, kept.value) == ("discarded", dead.value)
    assert (await desk.redrive(dead.id, WHO)).result is Result.ALREADY_DONE


async def test_events_published_by_a_redrive_leave_once(transactions: Transactions, desk: Desk) -> None:
    async def publish(batch: Batch) -> None:
        for received in batch.events:
            batch.publish(received.event, cause=received)

    desk.ledger.before = publish
    desk.ledger.poison = {3}  # handed over with 4 first, then alone: what it published must not leave
    (dead,) = await desk.dead()
    await desk.redrive(dead.id, WHO)
    sent = [row.payload for row in await desk.ledger.rows("outbox") if not row.aggregatetype.endswith("dlq")]
    assert [b'"number":2' in payload for payload in sent] == [True]


async def _waits_or_is_done(engine: AsyncEngine, live: asyncio.Task[None]) -> bool:
    """Tell whether a session of this database waits for a lock, or what was to wait did not."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with engine.connect() as connection:
        return live.done() or bool((await connection.execute(waiting)).scalar_one())


async def test_a_live_event_never_overtakes_the_followers_of_a_redrive(
    desk: Desk, engine: AsyncEngine, until: Until
) -> None:
    handing_over, go_on = asyncio.Event(), asyncio.Event()

    async def linger(batch: Batch) -> None:
        if batch.events[0].event.number == 2:
            handing_over.set()
            await go_on.wait()

    desk.ledger.before = linger
    (dead,) = await desk.dead()
    redrive = asyncio.create_task(desk.redrive(dead.id, WHO))
    await handing_over.wait()
    live = asyncio.create_task(desk.events(5))
    await until(lambda: _waits_or_is_done(engine, live))
    assert not live.done()
    go_on.set()
    await asyncio.gather(redrive, live)
    assert await desk.ledger.effects() == [1, 2, 3, 4, 5]


async def test_a_live_event_waits_behind_a_follower_that_fails_in_a_redrive_of_the_same_moment(
    desk: Desk, engine: AsyncEngine, until: Until
) -> None:
    handing_over, go_on = asyncio.Event(), asyncio.Event()

    async def linger(batch: Batch) -> None:
        if batch.events[0].event.number == 2:
            handing_over.set()
            await go_on.wait()

    desk.ledger.before = linger
    desk.ledger.refused = {3}
    (dead,) = await desk.dead()
    redrive = asyncio.create_task(desk.redrive(dead.id, WHO))
    await handing_over.wait()
    live = asyncio.create_task(desk.events(5))
    await until(lambda: _waits_or_is_done(engine, live))
    assert not live.done()
    go_on.set()
    await asyncio.gather(redrive, live)
    assert await desk.ledger.effects() == [1, 2]
    assert len(await desk.ledger.rows("parked_event")) == 2


async def test_an_event_that_came_by_another_way_is_not_applied_by_its_redrive(
    transactions: Transactions,
    ledger: Any,
    contract: Contract,
    arrival: Arrival,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(transactions, ledger, contract(), arrival)
    process = Processor(
        ConsumerSpec("test.redrive", (desk.made,), ledger.handle), transactions, DeadLetterCap()
    ).process
    event, event_id = desk.made(name="a", number=1), new_id()
    with older_release(monkeypatch):
        for number in (1, 2):
            await process(
                [arrival(desk.made(name="a", number=number), event_id=event_id if number == 1 else None)]
            )
    await process([arrival(event, event_id=event_id)])
    results = [(await desk.redrive(dead.id, WHO)).result for dead in await desk.dead()]
    assert results == [Result.REDRIVEN] * 2
    assert await ledger.effects() == [1, 2]


async def test_what_does_not_exist_is_not_found(desk: Desk) -> None:
    assert (await desk.redrive(new_id(), WHO)).result is Result.NOT_FOUND
    assert (await desk.discard(new_id(), WHO)).result is Result.NOT_FOUND


async def test_dead_letters_are_listed_and_counted_by_what_is_known_of_them(
    desk: Desk, engine: AsyncEngine
) -> None:
    await desk.process([desk.arrival(desk.made(name="b", number=1), value=b"{")])
    async with engine.connect() as connection:
        everything = await dead_letters.listed(connection, dead_letters.Filter())
        assert [row.key for row in everything] == ["a", "b"]
        after = await dead_letters.listed(connection, dead_letters.Filter(), after=everything[0].seq)
        assert [row.key for row in after] == ["b"]
        for wanted, number in [
            (dead_letters.Filter(key="a", status="open"), 1),
            (dead_letters.Filter(reason="NO USE"), 1),
            (dead_letters.Filter(reason="%"), 0),
            (dead_letters.Filter(consumer="test.other"), 0),
            (dead_letters.Filter(ids=[everything[1].id]), 1),
            (dead_letters.Filter(failed_to=everything[0].failed_at), 0),
        ]:
            assert await dead_letters.count(connection, wanted) == number


async def test_a_dry_run_answers_as_the_real_one_and_changes_nothing(desk: Desk) -> None:
    (dead,) = await desk.dead()
    answer = await desk.redrive(dead.id, WHO, dry_run=True)
    assert (answer.result, answer.followers) == (Result.REDRIVEN, 2)
    assert await desk.dead() == [dead]
    assert await desk.ledger.effects() == [1]
    assert len(await desk.ledger.rows("parked_event")) == 2
    assert await desk.ledger.rows("dead_letter_action") == []
    assert await desk.redrive(dead.id, WHO) == answer


async def test_a_dry_run_of_many_knows_what_the_older_one_of_a_key_lets_through(
    desk: Desk, engine: AsyncEngine
) -> None:
    desk.ledger.refused = {3}
    await desk.release("a", WHO)
    desk.ledger.refused = set()
    async with engine.connect() as connection:
        rows = await dead_letters.listed(connection, dead_letters.Filter(status="open"))
    planned = await desk.redriver.take_all(Action.REDRIVE, rows, WHO, dry_run=True, seconds=60)
    assert [answer.result for answer in planned] == [Result.REDRIVEN] * 2
    assert await desk.redriver.take_all(Action.REDRIVE, rows, WHO, seconds=60) == planned
    assert await desk.ledger.effects() == [1, 2, 3, 4]


async def test_two_people_who_redrive_the_same_selection_at_once_have_one_effect(
    desk: Desk, engine: AsyncEngine
) -> None:
    desk.ledger.refused = {6, 7, 8}
    await desk.process([desk.arrival(desk.made(name=f"k{n}", number=n)) for n in (6, 7, 8)])
    desk.ledger.refused = set()
    async with engine.connect() as connection:
        rows = await dead_letters.listed(connection, dead_letters.Filter(status="open"))
    people = [By(f"person {n}", "again") for n in range(4)]
    answers = await asyncio.gather(
        *[desk.redriver.take_all(Action.REDRIVE, rows, by, seconds=60) for by in people]
    )
    results = [answer.result for each in answers for answer in each]
    assert (results.count(Result.REDRIVEN), results.count(Result.ALREADY_DONE)) == (4, 12)
    assert sorted(await desk.ledger.effects()) == [1, 2, 3, 4, 6, 7, 8]
    assert len(await desk.ledger.rows("dead_letter_action")) == 4


async def test_a_redrive_and_a_discard_of_the_same_moment_end_one_way(desk: Desk) -> None:
    (dead,) = await desk.dead()
    answers = await asyncio.gather(desk.redrive(dead.id, WHO), desk.discard(dead.id, WHO))
    redriven = answers[0].result is Result.REDRIVEN
    assert {answer.result for answer in answers} == {
        Result.ALREADY_DONE,
        Result.REDRIVEN if redriven else Result.DISCARDED,
    }
    assert await desk.ledger.effects() == ([1, 2, 3, 4] if redriven else [1, 3, 4])


async def test_a_selection_takes_on_nothing_once_its_time_is_up(desk: Desk, engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        rows = await dead_letters.listed(connection, dead_letters.Filter(status="open"))
    assert await desk.redriver.take_all(Action.REDRIVE, rows, WHO, seconds=-1) == []
    assert await desk.ledger.effects() == [1]


async def test_a_release_lets_followers_go_on_while_the_dead_letter_stays_open(desk: Desk) -> None:
    (dead,) = await desk.dead()
    answer = await desk.release("a", WHO)
    assert (answer.dead_letter_id, answer.result, answer.followers) == (dead.id, Result.RELEASED, 2)
    assert await desk.ledger.effects() == [1, 3, 4]
    assert await desk.dead() == [dead]
    await desk.events(5)
    assert await desk.ledger.effects() == [1, 3, 4]
    (action,) = await desk.ledger.rows("dead_letter_action")
    assert (action.action, action.dead_letter_id, action.actor) == ("release", dead.id, WHO.actor)
    await desk.redrive(dead.id, WHO)
    assert await desk.ledger.effects() == [1, 3, 4, 2, 5]


async def test_of_two_releases_at_once_one_finds_nothing(desk: Desk) -> None:
    answers = await asyncio.gather(*[desk.release("a", WHO) for _ in range(3)])
    assert sorted(answer.result for answer in answers) == [Result.NOTHING_WAITS] * 2 + [Result.RELEASED]
    assert await desk.ledger.effects() == [1, 3, 4]


async def test_a_follower_that_a_release_finds_at_fault_blocks_the_rest(desk: Desk) -> None:
    desk.ledger.refused = {3}
    answer = await desk.release("a", WHO)
    assert (answer.followers, answer.follower_refused) == (0, "no use for 3")
    desk.ledger.refused = set()
    first, second = await desk.dead()
    await desk.redrive(first.id, WHO)
    assert await desk.ledger.effects() == [1, 2]  # 4 waits behind 3 still
    await desk.redrive(second.id, WHO)
    assert await desk.ledger.effects() == [1, 2, 3, 4]


async def test_a_release_of_a_key_without_dead_letters_finds_none(desk: Desk) -> None:
    assert (await desk.release("z", WHO)).result is Result.NOT_FOUND


async def _unreadable(desk: Desk, monkeypatch: pytest.MonkeyPatch, *records: Record) -> None:
    """Let records come to a release that does not know their type yet."""
    with older_release(monkeypatch):
        await desk.process(records)


async def test_an_event_that_an_older_release_could_not_read_is_redriven_until_it_is_taken(
    transactions: Transactions,
    ledger: Any,
    contract: Contract,
    arrival: Arrival,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(transactions, ledger, contract(), arrival)
    await _unreadable(desk, monkeypatch, arrival(desk.made(name="a", number=1)))
    (dead,) = await desk.dead()
    ledger.refused = {1}
    assert (await desk.redrive(dead.id, WHO)).result is Result.FAILED
    ledger.refused = set()
    assert (await desk.redrive(dead.id, WHO)).result is Result.REDRIVEN
    assert await ledger.effects() == [1]


async def test_an_event_that_an_older_release_cannot_read_stays_open_however_often_it_is_redriven(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dead,) = await desk.dead()
    with older_release(monkeypatch):
        results = [(await desk.redrive(dead.id, WHO)).result for _ in range(2)]
    assert results == [Result.FAILED] * 2
    assert (await desk.redrive(dead.id, WHO)).result is Result.REDRIVEN
    assert await desk.ledger.effects() == [1, 2, 3, 4]


async def test_a_follower_that_came_twice_before_it_could_be_read_takes_effect_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, event_id = desk.made(name="a", number=5), new_id()
    await _unreadable(desk, monkeypatch, *[desk.arrival(event, event_id=event_id) for _ in range(2)])
    (dead,) = await desk.dead()
    answer = await desk.redrive(dead.id, WHO)
    await desk.process([desk.arrival(event, event_id=event_id)])
    assert answer.followers == 3
    assert await desk.ledger.effects() == [1, 2, 3, 4, 5]


async def test_a_follower_at_fault_that_came_before_it_could_be_read_takes_effect_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, event_id = desk.made(name="a", number=5), new_id()
    await _unreadable(desk, monkeypatch, desk.arrival(event, event_id=event_id))
    desk.ledger.refused = {5}
    (dead,) = await desk.dead()
    await desk.redrive(dead.id, WHO)
    desk.ledger.refused = set()
    await desk.process([desk.arrival(event, event_id=event_id)])
    (dead,) = await desk.dead()
    await desk.redrive(dead.id, WHO)
    await desk.process([desk.arrival(event, event_id=event_id)])
    assert await desk.ledger.effects() == [1, 2, 3, 4, 5]


async def test_a_live_event_waits_behind_one_that_became_a_dead_letter_while_its_handler_waited(
    transactions: Transactions, desk: Desk
) -> None:
    """A service may take events that it kept itself, such as what waited for a day; a later one may be quicker."""
    await desk.redrive((await desk.dead())[0].id, WHO)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait_for_a_lock(_: Batch) -> None:
        asked.set()
        await go_on.wait()

    desk.ledger.before = wait_for_a_lock
    live = asyncio.create_task(desk.events(6))
    await asked.wait()
    desk.ledger.before = None
    desk.ledger.refused = {5}
    async with transactions.begin() as unit:
        await take_in_order(unit, desk.spec, [decode(desk.arrival(desk.made(name="a", number=5)))])
    go_on.set()
    await live
    assert await desk.ledger.effects() == [1, 2, 3, 4]
    desk.ledger.refused = set()
    await desk.redrive((await desk.dead())[0].id, WHO)
    assert await desk.ledger.effects() == [1, 2, 3, 4, 5, 6]
