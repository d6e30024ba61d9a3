"""`backoffice events lag`."""

import asyncio
import time
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.commands.tables import age, show_rows
from backoffice_cli.console import Exit, console, failures, print_json, progress
from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError
from backoffice_events.brokers import Brokers
from backoffice_events.messaging import lag as lags

SECONDS_BETWEEN = 5
PATIENCE_SECONDS = 30
GROUPS = ("group", "state", "members", "lag", "oldest")
PARTITIONS = ("group", "place", "committed", "end", "lag", "oldest")

Group = Annotated[str | None, typer.Option("--group", "-g", help="Only these groups; * stands for any part.")]


def lag(
    state: StateFolder,
    group: Group = None,
    partitions: Annotated[bool, typer.Option("--partitions", "-p", help="Each partition by itself.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Again every few seconds, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far each consumer group is behind, with the age of the oldest record that waits.

    The broker is asked, so it answers also for a service that is down. State: Stable is good; Empty means that no
    process reads; PreparingRebalance and CompletingRebalance pass within seconds. Exit code 1 when no group matches or
    the broker does not answer.

    Example: `backoffice events lag --group 'ledger.*' --watch`
    """
    with failures():
        brokers = Platform.running(state.resolve()).brokers
        while True:
            found = _measured(brokers, group)
            if as_json:
                print_json(found)
            else:
                _show(found, by_partition=partitions)
            if not watch:
                break
            time.sleep(SECONDS_BETWEEN)
    if not found:
        progress.print("No group matches.")
        raise typer.Exit(Exit.FAILED)


def _measured(brokers: Brokers, pattern: str | None) -> list[dict[str, Any]]:
    try:
        found = asyncio.run(asyncio.wait_for(_ask(brokers, pattern), PATIENCE_SECONDS))
    except (KafkaError, TimeoutError) as error:
        why = str(error) or f"nothing within {PATIENCE_SECONDS} s"
        raise StackError(f"The broker does not answer: {why}.", "See: backoffice status") from error
    now = datetime.now(UTC)
    return [_document(each, now) for each in found]


async def _ask(brokers: Brokers, pattern: str | None) -> list[lags.GroupLag]:
    names = [name for name in await lags.group_names(brokers) if pattern is None or fnmatch(name, pattern)]
    return await lags.measure(brokers, dict.fromkeys(names, ()))


def _document(found: lags.GroupLag, now: datetime) -> dict[str, Any]:
    partitions = [
        {
            "topic": each.topic,
            "partition": each.partition,
            "committed": each.committed,
            "end": each.end,
            "lag": each.lag,
            "oldest_seconds": max(0.0, (now - each.oldest_at).total_seconds()) if each.oldest_at else None,
        }
        for each in found.partitions
    ]
    return {
        "group": found.group,
        "state": found.state,
        "members": found.members,
        "lag": found.lag,
        "partitions": partitions,
    }


def _show(found: list[dict[str, Any]], *, by_partition: bool) -> None:
    if by_partition:
        show_rows([row for group in found for row in _partitions(group)], PARTITIONS)
        return
    show_rows([{**group, "oldest": age(_oldest(group))} for group in found], GROUPS)
    for group in found:
        if not group["members"]:
            console.print(f"{group['group']} has no members: no process reads for it.", style="yellow")


def _partitions(group: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            **part,
            "group": group["group"],
            "place": f"{part['topic']}/{part['partition']}",
            "oldest": age(part["oldest_seconds"]),
        }
        for part in group["partitions"]
    ]


def _oldest(group: dict[str, Any]) -> float | None:
    ages = [part["oldest_seconds"] for part in group["partitions"] if part["oldest_seconds"] is not None]
    return max(ages, default=None)
