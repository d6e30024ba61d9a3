"""What the machine itself does at the moment, without any of our logic: figures to read the others by."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from backoffice_cli.platform import Stack
from backoffice_cli.provisioning.access import Topic
from backoffice_cli.provisioning.topics import create_topics
from backoffice_cli.stack.ports import LOOPBACK
from backoffice_events.brokers import Brokers
from backoffice_events.ids import new_id
from backoffice_events.kafka import KafkaSender
from backoffice_events.records import Record

_ROWS, _ROWS_AT_A_TIME = 50_000, 2_500
_MESSAGES, _MESSAGES_AT_A_TIME = 50_000, 1_000
_MESSAGE_BYTES = 700
_TOPIC = "bench.reference.v1"


async def yardsticks(platform: Stack) -> dict[str, int]:
    """Return COPY rows and produced messages per second, both as durable as the platform's own."""
    rows = await copy_rows_per_second(platform)
    return {
        "copy_rows_per_second": rows,
        "producer_messages_per_second": await _messages_per_second(platform),
    }


async def copy_rows_per_second(platform: Stack) -> int:
    """Copy rows as wide as a journal line into a database of its own, committing every few thousand."""
    url = f"postgresql://postgres:{platform.plan.admin_password}@{LOOPBACK}:{platform.plan.ports['postgres']}"
    name = f"bench_{new_id().replace('-', '')}"
    admin = await asyncpg.connect(f"{url}/postgres")
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        try:
            return await _copy(f"{url}/{name}")
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


async def _copy(url: str) -> int:
    rows = [(new_id(), n % 3, "1310", "USD", Decimal("1050.00")) for n in range(_ROWS)]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "CREATE TABLE line (id uuid, number smallint, account text, currency text, amount numeric)"
        )
        started = time.perf_counter()
        for first in range(0, _ROWS, _ROWS_AT_A_TIME):
            await connection.copy_records_to_table("line", records=rows[first : first + _ROWS_AT_A_TIME])
        return round(_ROWS / (time.perf_counter() - started))
    finally:
        await connection.close()


async def _messages_per_second(platform: Stack) -> int:
    async with own_topic(platform.bootstrap_servers) as topic:
        records = [Record(topic, new_id().encode(), _body(n), []) for n in range(_MESSAGES)]
        return round(_MESSAGES / await produce(platform.bootstrap_servers, records))


@asynccontextmanager
async def own_topic(bootstrap_servers: str) -> AsyncIterator[str]:
    """Create a topic that nobody reads, and delete it in the end."""
    await create_topics(Brokers(bootstrap_servers), [Topic(_TOPIC, 4, {})])
    try:
        yield _TOPIC
    finally:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
        await admin.start()
        await admin.delete_topics([_TOPIC])
        await admin.close()


async def produce(bootstrap_servers: str, records: Sequence[Record]) -> float:
    """Produce records as the platform does, and return how many seconds that took."""
    sender = KafkaSender(Brokers(bootstrap_servers))
    await sender.start()
    try:
        started = time.perf_counter()
        for first in range(0, len(records), _MESSAGES_AT_A_TIME):
            failed = await sender.send(records[first : first + _MESSAGES_AT_A_TIME])
            if failed:
                raise next(iter(failed.values()))
            await asyncio.sleep(0)
        return time.perf_counter() - started
    finally:
        await sender.stop()


def _body(number: int) -> bytes:
    """Return a message that compresses about as well as an event."""
    return (f'{{"number": {number}, "id": "{new_id()}", "padding": "' + "x" * _MESSAGE_BYTES)[
        :_MESSAGE_BYTES
    ].encode()
