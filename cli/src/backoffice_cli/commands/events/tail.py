"""`backoffice events tail`."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from fnmatch import fnmatch
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import console, failures
from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError
from backoffice_events.cloudevents import UndecodableError, decode
from backoffice_events.records import Record


def tail(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    topics: Annotated[list[str], typer.Argument(help="Topic names; * stands for any part.")],
    key: Annotated[str | None, typer.Option(help="Only events of this key, such as a trade id.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only types that hold this word.")] = None,
    beginning: Annotated[bool, typer.Option("--from-beginning", help="Start with the oldest event.")] = False,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for new events.")] = True,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after this many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show events as they travel, decoded; what cannot be decoded is shown with the reason.

    Exit code 1 when no topic matches.

    Example: `backoffice events tail 'trading.*' 'settlement.*' --from-beginning --no-follow --key $TRADE_ID`
    """
    with failures():
        platform = Platform.running(state.resolve())
        asyncio.run(
            _tail(
                platform.bootstrap_servers,
                topics,
                wanted=lambda event: _matches(event, key, event_type),
                from_beginning=beginning or not follow,
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
    bootstrap_servers: str,
    patterns: list[str],
    *,
    wanted: Any,
    from_beginning: bool,
    follow: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    shown = 0
    async for record in _read(bootstrap_servers, patterns, from_beginning=from_beginning, follow=follow):
        event = readable(record)
        if wanted(event):
            _print(event, as_json=as_json)
            shown += 1
            if shown == limit:
                return


async def _read(
    bootstrap_servers: str, patterns: list[str], *, from_beginning: bool, follow: bool
) -> AsyncIterator[Record]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    try:
        places = await _places(bootstrap_servers, patterns)
        await consumer.start()
        consumer.assign(places)
        await (consumer.seek_to_beginning(*places) if from_beginning else consumer.seek_to_end(*places))
        ends = await consumer.end_offsets(places)
        while follow or any([await consumer.position(place) < ends[place] for place in places]):
            for place, batch in (await consumer.getmany(timeout_ms=500, max_records=500)).items():
                for one in batch:
                    if follow or one.offset < ends[place]:
                        yield Record(one.topic, one.key, one.value, one.headers, one.partition, one.offset)
    except KafkaError as error:
        raise StackError(f"The broker does not answer: {error}", "See: backoffice status") from error
    finally:
        await consumer.stop()


async def _places(bootstrap_servers: str, patterns: list[str]) -> list[TopicPartition]:
    """Return every partition of the topics that match."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        known = sorted(await admin.list_topics())
        names = [name for name in known if any(fnmatch(name, pattern) for pattern in patterns)]
        if not names:
            raise StackError(f"No topic matches {' '.join(patterns)}.", f"There are: {', '.join(known)}")
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    return [
        TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]
    ]


def readable(record: Record) -> dict[str, Any]:
    """Return a record as one JSON-ready document; `error` says why it could not be decoded, null when it could."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
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
    if value is None:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _print(event: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(event))
        return
    place = f"{event['topic']}/{event['partition']}@{event['offset']}"
    console.print(
        f"[bold]{event['type']}[/bold] [cyan]{event['key']}[/cyan] {event['time']} {place}", highlight=False
    )
    if event["error"]:
        console.print(f"  {event['error']}", style="red", markup=False)
    console.print(f"  {json.dumps(event['data'])}", markup=False, highlight=False, soft_wrap=True)
