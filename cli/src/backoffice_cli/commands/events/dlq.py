"""`backoffice events dlq`: dead letters, listed, shown, handed to their consumer again or given up."""

from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import typer

from backoffice_cli.commands.events.handling import (
    PATH,
    chosen_ids,
    discarded_on_trial,
    proposed,
    redriven,
    report,
    require_each,
    require_none_refused,
    shown,
)
from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.commands.owners import DryRun, Owners, Person, Role, Service, Since, Why, iso
from backoffice_cli.commands.tables import show_approvals, show_entries, words
from backoffice_cli.console import failures, print_json
from backoffice_cli.platform import Platform

SELECTS = "--consumer, --type, --key, --topic, --failure, --since, --until"

app = typer.Typer()

Ids = Annotated[list[str] | None, typer.Argument(help="Dead letters by id; else all open ones that match.")]
Consumer = Annotated[str | None, typer.Option(help="Only those of this consumer group.")]
Type = Annotated[str | None, typer.Option("--type", help="Only events of this type.")]
Key = Annotated[str | None, typer.Option(help="Only events of this key, such as a trade id.")]
Topic = Annotated[str | None, typer.Option(help="Only events of this topic.")]
Failure = Annotated[str | None, typer.Option(help="Only those whose reason holds these words.")]
Until = Annotated[str | None, typer.Option("--until", help="Before this time.")]
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, help="At most this many of a service, oldest first.")
]


class Status(StrEnum):
    """Where a dead letter stands."""

    OPEN = "open"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"
    ALL = "all"


@app.callback(invoke_without_command=True)
def dlq(context: typer.Context, state: StateFolder, service: Service = None, as_json: AsJson = False) -> None:
    """Dead letters: what a service could not take. Without a command the open ones are listed.

    Example: `backoffice events dlq --json`
    """
    if context.invoked_subcommand is None:
        list_(state, service, as_json=as_json)
    else:
        _require_none_before_the_command(context)


@app.command("list")
def list_(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    service: Service = None,
    status: Annotated[Status, typer.Option(help="Where they stand.")] = Status.OPEN,
    consumer: Consumer = None,
    event_type: Type = None,
    key: Key = None,
    topic: Topic = None,
    failure: Failure = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the oldest of each service first.

    Example: `backoffice events dlq list --service ledger --failure "is closed" --since 1d`
    """
    filters = _filters(consumer, event_type, key, topic, failure, since, until)
    with failures():
        owners = Owners(Platform.running(state.resolve()), service)
        found = list(owners.listed(PATH, status=None if status is Status.ALL else status.value, **filters))
    if as_json:
        print_json(found)
    else:
        show_entries(
            (words(one["service"], one["id"], one["consumer"], one["event_type"], one["key"]), one["reason"])
            for one in found
        )


@app.command("show")
def show(
    state: StateFolder,
    dead_letter_id: Annotated[str, typer.Argument(help="Its id.")],
    service: Service = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its original bytes and headers, the reason, and what people did with it.

    Exit code 1 when there is no dead letter of that id.

    Example: `backoffice events dlq show 01900000-0000-7000-8000-000000000001 --json`
    """
    with failures():
        owners = Owners(Platform.running(state.resolve()), service)
        what = f"a dead letter {dead_letter_id}"
        letter = owners.found(f"{PATH}/{dead_letter_id}", what, listing="backoffice events dlq list")
        owner = Owners(owners.platform, letter["service"])
        actions = [_without_service(each) for each in owner.listed(f"{PATH}/{dead_letter_id}/actions")]
    if as_json:
        print_json({**letter, "actions": actions})
    else:
        show_entries([*_parts(letter), *((words(one["at"], one["action"]), _done(one)) for one in actions)])


@app.command("actions")
def actions(
    state: StateFolder,
    service: Service = None,
    action: Annotated[str | None, typer.Option(help="redrive, discard or release.")] = None,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """List what people did with dead letters and parked events: who, when, why, and what came of it.

    Example: `backoffice events dlq actions --since 1d`
    """
    with failures():
        owners = Owners(Platform.running(state.resolve()), service)
        found = list(owners.listed("/messaging/actions", action=action, at_from=iso(since)))
    if as_json:
        print_json(found)
    else:
        show_entries(
            (words(one["at"], one["service"], one["action"], one["dead_letter_id"]), _done(one))
            for one in found
        )


@app.command("redrive")
def redrive(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    reason: Why,
    ids: Ids = None,
    service: Service = None,
    consumer: Consumer = None,
    event_type: Type = None,
    key: Key = None,
    topic: Topic = None,
    failure: Failure = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 1000,
    dry_run: DryRun = False,
    role: Role = "sre",
    person: Person = 1,
    as_json: AsJson = False,
) -> None:
    """Hand dead letters to their consumer again, with the events parked behind them, in order.

    Each is a transaction of its own: what is done twice, or by two people at once, has one effect. Exit code 1 when one
    was refused again, or waits for an older one, or the next event behind one was refused.

    Example: `backoffice events dlq redrive --service ledger --failure "is closed" --reason "account is open" --dry-run`
    """
    filters = _filters(consumer, event_type, key, topic, failure, since, until)
    with failures():
        owners = Owners(Platform.running(state.resolve()), service, role, person)
        chosen = chosen_ids(owners, ids, filters, limit)
        doing = redriven(owners, chosen, reason, dry_run=dry_run)
        require_none_refused(shown(doing, partial(report, as_json=as_json, dry_run=dry_run)))


@app.command("discard")
def discard(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    reason: Why,
    ids: Ids = None,
    service: Service = None,
    consumer: Consumer = None,
    event_type: Type = None,
    key: Key = None,
    topic: Topic = None,
    failure: Failure = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 1000,
    dry_run: DryRun = False,
    role: Role = "sre",
    person: Person = 1,
    as_json: AsJson = False,
) -> None:
    """Propose to give dead letters up: another person approves, `backoffice approvals approve`.

    They stay on record, never take effect, and the events parked behind them go on. Without ids at least one criterion
    is needed. Exit code 1 when one could not be discarded, such as one that is open no more, or when a dry run saw the
    next event behind one refused.

    Example: `backoffice events dlq discard --service trade-capture --failure "not JSON" --reason "garbage from a test"`
    """
    filters = _filters(consumer, event_type, key, topic, failure, since, until)
    if not ids and not any(filters.values()):
        raise typer.BadParameter(f"say which to discard: ids, or one of {SELECTS}")
    with failures():
        owners = Owners(Platform.running(state.resolve()), service, role, person)
        chosen = chosen_ids(owners, ids, filters, limit)
        if dry_run:
            trial = discarded_on_trial(owners, chosen, reason)
            handled = shown(trial, partial(report, as_json=as_json, dry_run=True))
            require_each(chosen, (each["id"] for each in handled))
            require_none_refused(handled)
        else:
            made = shown(proposed(owners, chosen, reason), partial(show_approvals, as_json=as_json))
            require_each(chosen, (one for each in made for one in each["terms"]["ids"]))


def _require_none_before_the_command(context: typer.Context) -> None:
    """Refuse options of the list where a command follows, which would act without them, on more than was meant."""
    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        if source is not None and source.name == "COMMANDLINE":
            name = option.opts[0]
            raise typer.BadParameter(
                f"{name} goes behind the command: dlq {context.invoked_subcommand} {name} …"
            )


def _parts(letter: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what a dead letter says, part by part, as it arrived."""
    yield (
        words(letter["service"], letter["id"], letter["consumer"], letter["event_type"], letter["key"]),
        letter["reason"],
    )
    yield "status", f"{letter['status']}, attempts {letter['attempts']}, failed at {letter['failed_at']}"
    yield "place", f"{letter['topic']} partition {letter['partition']} offset {letter['offset']}"
    for name, value in letter["headers"]:
        yield f"header {name}", value
    yield f"value ({letter['value_encoding']})", "" if letter["value"] is None else letter["value"]


def _done(action: dict[str, Any]) -> str:
    return f"{action['actor']}: {action['why']} -> {action['outcome']}"


def _filters(  # noqa: PLR0917  the options, in their order
    consumer: str | None,
    event_type: str | None,
    key: str | None,
    topic: str | None,
    failure: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, str | None]:
    """Return the options as the list's query takes them."""
    times = {"failed_from": iso(since), "failed_to": iso(until)}
    return {
        "consumer": consumer,
        "event_type": event_type,
        "key": key,
        "topic": topic,
        "reason": failure,
        **times,
    }


def _without_service(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "service"}
