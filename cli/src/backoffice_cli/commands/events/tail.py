"""`backoffice events tail`."""

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from typing import Annotated, Any

import typer
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from rich.text import Text

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.commands.owners import Since, moment
from backoffice_cli.console import console, failures
from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError
from backoffice_events.brokers import Brokers
from backoffice_events.cloudevents import UndecodableError, decode
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.records import Record


@dataclass(frozen=True, slots=True)
class Start:
    """Where the reading starts: at an offset, else at a time, else at the beginning or the end."""

    from_beginning: bool
    since: datetime | None
    offset: int | None


def tail(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    topics: Annotated[list[str], typer.Argument(help="Topic names; * stands for any part.")],
    key: Annotated[str | None, typer.Option(help="Only events of this key, such as a trade id.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only types that hold this word.")] = None,
    beginning: Annotated[bool, typer.Option("--from-beginning", help="Start with the oldest event.")] = False,
    since: Since = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition.")] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="Start at this offset of each partition.")] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for new events.")] = True,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after this many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show events as they travel, decoded; what cannot be decoded is shown with the reason.

    Exit code 1 when no topic matches.

    Without a start it shows new events, with `--no-follow` all that are there.

    Example: `backoffice events tail 'trading.*' 'settlement.*' --since 1h --no-follow --key $TRADE_ID`
    """
    with failures():
        platform = Platform.running(state.resolve())
        asyncio.run(
            _tail(
                platform.brokers,
                topics,
                wanted=lambda event: _matches(event, key, event_type),
                start=Start(beginning or not follow, moment(since), offset),
                partition=partition,
                follow=follow,
                limit=limit,
                as_json=as_json,
            )
        )


def _matches(event: dict[str, Any], key: str | None, event_type: str | None) -> bool:
    return (key is None or event["key"] == key) and (
        event_type is None or event_type in (event["type"] or "")
    )


async def _tail(
    brokers: Brokers,
    patterns: list[str],
    *,
    wanted: Any,
    start: Start,
    partition: int | None,
    follow: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    shown = 0
    async for record in _read(brokers, patterns, start=start, partition=partition, follow=follow):
        event = readable(record)
        if wanted(event):
            _print(event, as_json=as_json)
            shown += 1
            if shown == limit:
                return


async def _read(
    brokers: Brokers, patterns: list[str], *, start: Start, partition: int | None, follow: bool
) -> AsyncIterator[Record]:
    consumer = KafkaConsumer(
        **brokers.options(),
        enable_auto_commit=False,
        isolation_level="read_committed",  # as the services: what a transaction took back never travelled
    )
    try:
        places = await _places(brokers, patterns, partition)
        await consumer.start()
        consumer.assign(places)
        await _seek(consumer, places, start)
        ends = await consumer.end_offsets(places)
        while follow or any([await consumer.position(place) < ends[place] for place in places]):
            for place, batch in (await consumer.getmany(timeout_ms=500, max_records=500)).items():
                for one in batch:
                    if follow or one.offset < ends[place]:
                        yield one
    except KafkaError as error:
        raise StackError(f"The broker does not answer: {error}", "See: backoffice status") from error
    finally:
        await consumer.stop()


async def _seek(consumer: Any, places: list[TopicPartition], start: Start) -> None:
    """Go to where the reading starts; an offset that a partition does not hold means its nearest end."""
    beginnings, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    since = None if start.since is None else max(0, round(start.since.timestamp() * 1000))
    found = {} if since is None else await consumer.offsets_for_times(dict.fromkeys(places, since))
    for place in places:
        if start.offset is not None:
            consumer.seek(place, min(max(start.offset, beginnings[place]), ends[place]))
        elif since is not None:
            consumer.seek(place, found[place].offset if found[place] else ends[place])
        else:
            consumer.seek(place, beginnings[place] if start.from_beginning else ends[place])


async def _places(brokers: Brokers, patterns: list[str], partition: int | None) -> list[TopicPartition]:
    """Return the partitions of the topics that match."""
    admin = AIOKafkaAdminClient(**brokers.options())
    await admin.start()
    try:
        known = sorted(await admin.list_topics())
        names = [name for name in known if any(fnmatch(name, pattern) for pattern in patterns)]
        if not names:
            raise StackError(f"No topic matches {' '.join(patterns)}.", f"There are: {', '.join(known)}")
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    places = [
        TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]
    ]
    chosen = [place for place in places if partition is None or place.partition == partition]
    if not chosen:
        raise StackError(
            f"None of these topics has a partition {partition}.", f"There are: {', '.join(names)}"
        )
    return chosen


def readable(record: Record) -> dict[str, Any]:
    """Return a record as one JSON-ready document; `error` says why it could not be decoded, null when it could."""
    # Kafka has headers without a value, whatever aiokafka says of their type.
    headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
    try:
        decode(record)
        error = None
    except UndecodableError as undecodable:
        error = str(undecodable)
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key.decode(errors="replace") if record.key else None,
        "type": headers.get("ce_type"),
        "id": headers.get("ce_id"),
        "time": headers.get("ce_time"),
        "source": headers.get("ce_source"),
        "error": error,
        "data": _value(record.value),
    }


def _value(value: bytes | None) -> Any:
    """Return a value as JSON has it, else as its text, else in base64."""
    if value is None:
        return None
    try:
        return json.loads(value, parse_constant=_number, parse_float=_number)
    except (ValueError, RecursionError):
        pass
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _number(text: str) -> float:
    """Return a number. Raises ValueError for what JSON cannot say of it again: NaN, Infinity, 1e999."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _print(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(event))
        return
    place = f"{event['topic']}/{event['partition']}@{event['offset']}"
    named = (str(event["type"]), "bold"), " ", (str(event["key"]), "cyan")
    console.print(Text.assemble(*named, f" {event['time']} {place}"), highlight=False)
    if event["error"]:
        console.print(f"  {event['error']}", style="red", markup=False)
    console.print(f"  {json.dumps(event['data'])}", markup=False, highlight=False, soft_wrap=True)
