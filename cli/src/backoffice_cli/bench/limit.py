"""The physical limit: what this machine takes for the rows and events of a trade alone, without any logic.

The rows that the run left in the databases are copied into tables without indexes, and the events that it left on the
topics are read and produced again.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, Final, TypeAlias

import asyncpg
from aiokafka import TopicPartition

from backoffice_cli.bench.measure import CpuSeconds, cpu_seconds
from backoffice_cli.bench.yardsticks import own_topic, produce
from backoffice_cli.platform import Stack
from backoffice_cli.stack.ports import LOOPBACK
from backoffice_events.contracts import all_topics
from backoffice_events.ids import new_id
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.records import Record

_MOST_TRADES: Final = 5_000
_RECORDS_AT_A_TIME: Final = 1_000
_DATABASES: Final = ("trade_capture", "compliance", "settlement", "ledger")
_TABLES: Final = (
    "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' AND n_tup_ins > 0 ORDER BY 1"
)
_COLUMNS: Final = (
    "SELECT quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(slots=True)
class Copied:
    """A table's rows of the run, in COPY's binary form."""

    columns: str
    rows: bytes


@dataclass(slots=True)
class Spent:
    """Processor time by part, in microseconds a trade."""

    trades: int
    parts: dict[str, int] = field(default_factory=dict)

    def charge(self, what: str, before: CpuSeconds, after: CpuSeconds, part: str) -> None:
        """Note what a part of the stack spent between two moments."""
        self.note(what, after[part] - before[part])

    def note(self, what: str, seconds: float) -> None:
        """Note seconds of processor time."""
        self.parts[what] = round(seconds / self.trades * 1e6)


async def physical_limit(platform: Stack, since: datetime, trades: int) -> dict[str, int]:
    """Return the processor time of COPY, produce and consume, in microseconds a trade.

    since: when the run began. trades: how many it had.
    """
    parts = {**await _copy(platform, since, trades), **await events_alone(platform, since, trades)}
    return {"total": sum(parts.values()), **parts}


async def _copy(platform: Stack, since: datetime, trades: int) -> dict[str, int]:
    url = f"postgresql://postgres:{platform.plan.admin_password}@{LOOPBACK}:{platform.plan.ports['postgres']}"
    tables = [table for name in _DATABASES for table in await _rows(f"{url}/{name}", since)]
    name = f"bench_{new_id().replace('-', '')}"
    admin = await asyncpg.connect(f"{url}/postgres")
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        spent = Spent(trades)
        await _copy_into(f"{url}/{name}", tables, platform, spent)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()
    return spent.parts


async def _rows(url: str, since: datetime) -> list[Copied]:
    """Return the rows of a database that were committed since a moment, table by table, as they stand now."""
    connection: Connection = await asyncpg.connect(url)
    try:
        return [await _rows_of(connection, row[0], since) for row in await connection.fetch(_TABLES)]
    finally:
        await connection.close()


async def _rows_of(connection: Connection, table: str, since: datetime) -> Copied:
    columns = [row[0] for row in await connection.fetch(_COLUMNS, table)]
    target = BytesIO()
    query = f"SELECT * FROM {table} WHERE pg_xact_commit_timestamp(xmin) >= $1"  # noqa: S608 -- a table's name
    await connection.copy_from_query(query, since, output=target, format="binary")
    return Copied(", ".join(columns), target.getvalue())


async def _copy_into(url: str, tables: Sequence[Copied], platform: Stack, spent: Spent) -> None:
    connection: Connection = await asyncpg.connect(url)
    try:
        for number, table in enumerate(tables):
            await connection.execute(f"CREATE TABLE t{number} ({table.columns})")
        before, began = cpu_seconds(platform), time.process_time()
        for number, table in enumerate(tables):
            await connection.copy_to_table(f"t{number}", source=BytesIO(table.rows), format="binary")
        spent.note("copy_client", time.process_time() - began)
        spent.charge("copy_postgresql", before, cpu_seconds(platform), "postgresql")
    finally:
        await connection.close()


async def events_alone(platform: Stack, since: datetime, trades: int) -> dict[str, int]:
    """Return the processor time of consume and produce: of a sample of the run's events, to a topic of their own.

    It takes the same however full the databases are, and so tells how fast the machine is at that moment.
    """
    sample = min(trades, _MOST_TRADES)
    spent = Spent(sample)
    before, began = cpu_seconds(platform), time.process_time()
    records = await _consumed(platform, since, sample / trades)
    spent.note("consume_client", time.process_time() - began)
    spent.charge("consume_broker", before, cpu_seconds(platform), "broker")
    async with own_topic(platform.bootstrap_servers) as topic:
        copies = [Record(topic, each.key, each.value, each.headers) for each in records]
        before, began = cpu_seconds(platform), time.process_time()
        await produce(platform.bootstrap_servers, copies)
        spent.note("produce_client", time.process_time() - began)
        spent.charge("produce_broker", before, cpu_seconds(platform), "broker")
    return spent.parts


async def _consumed(platform: Stack, since: datetime, share: float) -> list[Record]:
    """Return the first records of each partition since a moment: a share of all there are."""
    consumer = KafkaConsumer(bootstrap_servers=platform.bootstrap_servers)
    await consumer.start()
    try:
        topics = [topic for topic in all_topics() if not topic.compacted]
        places = [
            TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)
        ]
        moment = round(since.timestamp() * 1000)
        starts = await consumer.offsets_for_times(dict.fromkeys(places, moment))
        ends = await consumer.end_offsets(places)
        wanted = {
            place: start.offset + round((ends[place] - start.offset) * share)
            for place, start in starts.items()
            if start is not None
        }
        consumer.assign(list(wanted))
        for place in wanted:
            consumer.seek(place, starts[place].offset)
        return await _read_until(consumer, wanted)
    finally:
        await consumer.stop()


async def _read_until(consumer: Any, ends: dict[TopicPartition, int]) -> list[Record]:
    records: list[Record] = []
    missing = dict(ends)
    while missing:
        fetched = await consumer.getmany(timeout_ms=1_000, max_records=_RECORDS_AT_A_TIME)
        for place, messages in fetched.items():
            records += [each for each in messages if each.offset < ends[place]]
            if messages[-1].offset + 1 >= ends[place] and missing.pop(place, None) is not None:
                consumer.pause(place)
    return records
