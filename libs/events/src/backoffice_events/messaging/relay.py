"""The relay: sends what the outbox holds, in order, and deletes it once the broker has stored it.

One relay leads per database, by an advisory lock of its session. A former leader that wakes up late can only repeat
what a new one sends too, in the same order, and consumers recognise repeats.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from backoffice_events.brokers import Brokers
from backoffice_events.kafka import KafkaSender
from backoffice_events.messaging import telemetry
from backoffice_events.messaging.failures import Backoff, describe
from backoffice_events.messaging.headers import unpack
from backoffice_events.messaging.leadership import stand_for_leadership
from backoffice_events.messaging.outbox import CHANNEL, Outgoing
from backoffice_events.messaging.remembered import Remembered
from backoffice_events.messaging.unit import Wakeup
from backoffice_events.records import Record

MAX_ROWS: Final = 1000
MAX_BYTES: Final = 8_388_608
POLL_SECONDS: Final = 1.0
PACE_SECONDS: Final = 0.01
CANDIDATE_SECONDS: Final = 1.0
QUERY_SECONDS: Final = 30.0
MEASURE_SECONDS: Final = 10.0

_LEADERSHIP: Final = 0x6F7574626F78  # "outbox"; advisory locks are per database

_OLDEST = f"""
    SELECT seq, id::text AS event_id, coalesce(octet_length(payload), 0) AS size FROM outbox
    WHERE aggregatetype <> ALL($1::text[]) ORDER BY seq LIMIT {MAX_ROWS}
"""  # noqa: S608 -- a constant of ours
_READ = """
    SELECT seq, id::text AS event_id, aggregatetype, aggregateid, type, payload, headers
    FROM outbox WHERE seq = ANY($1::bigint[])
"""
# What waits, here and behind the consumers: the last two read an index of the open ones, and a table of those alone.
_MEASURE = """
    SELECT 'outbox' AS what, NULL AS consumer, (SELECT count(*) FROM outbox) AS number,
           coalesce(extract(epoch FROM now() - (SELECT created_at FROM outbox ORDER BY seq LIMIT 1)), 0)::float8 AS age
    UNION ALL SELECT 'dead letters', consumer, count(*), 0 FROM dead_letter WHERE status = 'open' GROUP BY consumer
    UNION ALL SELECT 'parked', consumer, count(*), 0 FROM parked_event GROUP BY consumer
"""
_MEASURE_IN_TIME = "SET LOCAL statement_timeout = '5s'"
_DELETE = "DELETE FROM outbox WHERE seq = ANY($1::bigint[])"

# Whoever leads reads by indexes alone: the outbox is all but empty, but until a vacuum comes its dead rows may fill a
# gigabyte.
_BY_INDEXES = "SET enable_seqscan = off"


class Relay:
    """Sends the outbox of one database while it leads, and stands by while another does."""

    def __init__(self, engine: AsyncEngine, brokers: Brokers, wakeup: Wakeup) -> None:
        self._engine = engine
        self._sender = KafkaSender(brokers)
        self._wakeup = wakeup
        self._woken = asyncio.Event()
        self._stopping = False
        self._paused: dict[str, tuple[float, Backoff]] = {}
        self._measure_at = 0.0
        self._remembered = Remembered()
        self._more = False  # whether the last round took as much as one may, so that there is probably more
        self.leading = False

    def wake(self) -> None:
        """Look at the outbox now."""
        self._woken.set()

    def committed(self, outgoing: Sequence[Outgoing]) -> None:
        """Take note of what this process has just committed to the outbox, and look at it now."""
        self._remembered.add(outgoing)
        self.wake()

    def stop(self) -> None:
        """Send what is at hand, then give up leadership; `run` returns after that."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Relay until `stop`. Whatever error comes, it waits and goes on."""
        backoff = Backoff()
        while not self._stopping:
            try:
                await self._lead_if_nobody_does(backoff)
                await self._wait(CANDIDATE_SECONDS)
            except Exception as error:
                telemetry.log.warning("relay starts anew: %s", describe(error))
                await self._wait(backoff.next())
        await self._sender.stop()

    async def _lead_if_nobody_does(self, backoff: Backoff) -> None:
        async with stand_for_leadership(self._engine, _LEADERSHIP) as session:
            if session is not None:
                await self._lead(session, backoff)

    async def _lead(self, connection: asyncpg.Connection, backoff: Backoff) -> None:
        await connection.execute(_BY_INDEXES)
        await connection.add_listener(CHANNEL, lambda *_: self.wake())
        self.leading = True
        self._wakeup.relay = self.committed
        telemetry.log.info("relay leads")
        try:
            while not self._stopping:
                stored = await self._round(connection)
                await self._measure(connection)
                backoff.reset()
                if not (stored and self._more):
                    await self._rest(stored)
        finally:
            self._wakeup.relay = None
            self._remembered.clear()
            self.leading = False

    async def _rest(self, stored: int) -> None:
        """Let the next records gather, then wait for a commit to announce some.

        Looking again without a word would find nothing, and wade through all the rows just deleted.
        """
        if stored:
            await asyncio.sleep(PACE_SECONDS)
        await self._wait(POLL_SECONDS)

    async def _wait(self, seconds: float) -> None:
        """Wait to be woken, but no longer than given."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    async def _round(self, connection: asyncpg.Connection) -> int:
        """Send the oldest records; return how many the broker stored."""
        waiting = await self._oldest(connection)
        if not waiting:
            return 0
        outgoing = await self._contents(connection, waiting)
        failed = await self._sender.send([each.record for each in outgoing])
        stored = [position for position in range(len(outgoing)) if position not in failed]
        if stored:
            await self._delete(connection, [waiting[position]["seq"] for position in stored])
            self._sent([outgoing[position] for position in stored])
        self._judge_topics(outgoing, failed)
        return len(stored)

    async def _oldest(self, connection: asyncpg.Connection) -> Sequence[asyncpg.Record]:
        """Return where the oldest records stand, in order, as many as one may send at once."""
        rows = await connection.fetch(_OLDEST, self._topics_on_hold(), timeout=QUERY_SECONDS)
        before = accumulate((row["size"] for row in rows), initial=0)
        taken = [row for row, size in zip(rows, before, strict=False) if size < MAX_BYTES]
        self._more = len(rows) == MAX_ROWS or len(taken) < len(rows)
        return taken

    async def _contents(
        self, connection: asyncpg.Connection, waiting: Sequence[asyncpg.Record]
    ) -> list[Outgoing]:
        """Return the records themselves: those that this process remembers, and the others as the table has them."""
        remembered = [self._remembered.get(row["event_id"]) for row in waiting]
        missing = [row["seq"] for row, here in zip(waiting, remembered, strict=True) if here is None]
        rows = await connection.fetch(_READ, missing, timeout=QUERY_SECONDS) if missing else []
        read = {row["seq"]: _outgoing(row) for row in rows}
        return [here or read[row["seq"]] for row, here in zip(waiting, remembered, strict=True)]

    def _sent(self, stored: Sequence[Outgoing]) -> None:
        self._remembered.forget(each.event_id for each in stored)
        telemetry.record_sent((each.record.topic, each.event_type) for each in stored)

    async def _delete(self, connection: asyncpg.Connection, stored: Sequence[int]) -> None:
        await connection.execute(_DELETE, stored, timeout=QUERY_SECONDS)

    async def _measure(self, connection: asyncpg.Connection) -> None:
        """Report what waits now and then. What cannot be counted in time holds nothing up: the next count may be."""
        if time.monotonic() < self._measure_at:
            return
        self._measure_at = time.monotonic() + MEASURE_SECONDS
        try:
            async with connection.transaction():
                await connection.execute(_MEASURE_IN_TIME)
                rows = await connection.fetch(_MEASURE, timeout=QUERY_SECONDS)
        except asyncpg.QueryCanceledError as error:
            telemetry.log.warning("what waits was not counted: %s", describe(error))
        else:
            telemetry.record_waiting([dict(row) for row in rows])

    def _topics_on_hold(self) -> list[str]:
        now = time.monotonic()
        return [topic for topic, (until, _) in self._paused.items() if until > now]

    def _judge_topics(self, outgoing: Sequence[Outgoing], failed: dict[int, Exception]) -> None:
        """Leave a topic that fails alone for a while: it must not keep the others from being sent."""
        errors = {outgoing[position].record.topic: error for position, error in failed.items()}
        for topic, error in errors.items():
            backoff = self._paused[topic][1] if topic in self._paused else Backoff()
            self._paused[topic] = (time.monotonic() + backoff.next(), backoff)
            telemetry.log.warning("relay could not send to %s: %s", topic, describe(error))
        for topic in {each.record.topic for each in outgoing} - errors.keys():
            self._paused.pop(topic, None)


def _outgoing(row: asyncpg.Record) -> Outgoing:
    key = row["aggregateid"]
    encoded = None if key is None else key.encode()
    record = Record(row["aggregatetype"], encoded, row["payload"], unpack(row["headers"]))
    return Outgoing(row["event_id"], row["type"], record)
