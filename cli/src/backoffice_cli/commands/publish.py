"""`backoffice publish`."""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, failures, print_json, progress
from backoffice_cli.lines import Refused, records
from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError
from backoffice_cli.traces.publishing import FirstOnes, publication_traced
from backoffice_events.brokers import Brokers
from backoffice_events.publisher import Publisher, readable

CHUNK = 1000
SHOWN = 20


def publish(
    state: StateFolder,
    file: Annotated[str, typer.Argument(help="JSON lines, one CloudEvent each; - is standard input.")],
    source: Annotated[
        str, typer.Option(help="URN that names the sending application.")
    ] = "urn:frontoffice:cli",
    as_json: AsJson = False,
) -> None:
    """Publish front-office events: each line is checked against its contract; good ones go out, others are named.

    A line is `{"type": "backoffice.frontoffice.trade-executed.v1", "data": {…}}`, with the former `"id"` on a resend.
    Exit code 1 when a line was refused or the broker did not take one.

    Example: `backoffice publish trades.jsonl --source urn:frontoffice:equities`
    """
    with failures(), _lines(file) as lines:
        platform = Platform.running(state.resolve())
        with publication_traced(platform.otlp_endpoint, FirstOnes()):
            found = asyncio.run(_publish(lines, platform.front_office, source))
    if as_json:
        print_json(found)
    else:
        _show(found)
    if found["refused"]:
        raise typer.Exit(Exit.FAILED)


@contextmanager
def _lines(file: str) -> Iterator[Iterable[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as handle:
            yield handle
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}") from error


async def _publish(lines: Iterable[bytes], brokers: Brokers, source: str) -> dict[str, Any]:
    published, refused = 0, list[Refused]()
    columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn())
    try:
        async with Publisher(brokers=brokers, source=source) as publisher:
            found = records(
                lines, lambda event, event_id: readable(publisher.record(event, event_id=event_id))
            )
            with Progress(*columns, console=progress, transient=True) as bar:
                task = bar.add_task("publishing", total=None)
                while chunk := list(islice(found, CHUNK)):
                    refused += [one for one in chunk if isinstance(one, Refused)]
                    good = [one for one in chunk if not isinstance(one, Refused)]
                    await publisher.send(good)
                    published += len(good)
                    bar.update(task, completed=published)
    except KafkaError as error:
        raise StackError(
            f"After {published} events the broker took no more: {error}",
            "Check it (backoffice status), then resend.",
        ) from error
    return {"published": published, "refused": [asdict(one) for one in refused]}


def _show(found: dict[str, Any]) -> None:
    console.print(f"Published {found['published']}, refused {len(found['refused'])}")
    for one in found["refused"][:SHOWN]:
        console.print(f"line {one['line']}: {one['reason']}", markup=False, highlight=False, soft_wrap=True)
    if len(found["refused"]) > SHOWN:
        console.print(f"… and {len(found['refused']) - SHOWN} more: --json lists them all")
