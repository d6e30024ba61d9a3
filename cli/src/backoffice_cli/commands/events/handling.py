"""Dead letters dealt with many at a time: which, in what parts, and what is said of it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import typer

from backoffice_cli.commands.owners import Owners
from backoffice_cli.console import Exit, console, print_json
from backoffice_cli.stack.errors import StackError

PATH = "/messaging/dead-letters"
AT_ONCE = 100


def chosen_ids(
    owners: Owners, ids: list[str] | None, filters: dict[str, str | None], limit: int
) -> dict[str, list[str]]:
    """Return the ids to be dealt with, by service: each once, so that one which is refused again is not tried again."""
    chosen: dict[str, list[str]] = {name: [] for name in owners.names}
    for each in ids or ():
        found = owners.found(f"{PATH}/{each}", f"a dead letter {each}", listing="backoffice events dlq list")
        chosen[found["service"]].append(found["id"])
    if not ids:
        for letter in owners.listed(PATH, status="open", **filters):
            chosen[letter["service"]].append(letter["id"])
    return {name: letters[:limit] for name, letters in chosen.items() if letters}


def redriven(
    owners: Owners, chosen: dict[str, list[str]], reason: str, *, dry_run: bool
) -> Iterator[dict[str, Any]]:
    """Redrive them, part by part; yield what became of each, with its service."""
    for service, ids in chosen.items():
        rest = list(ids)
        while rest:
            for done in _redrive(owners, service, rest[:AT_ONCE], {"reason": reason, "dry_run": dry_run}):
                rest = [each for each in rest if each != done["id"]]
                yield {"service": service, **done}


def proposed(owners: Owners, chosen: dict[str, list[str]], reason: str) -> Iterator[dict[str, Any]]:
    """Propose to discard them, part by part; yield the approvals that are needed, each with its service."""
    for service, part in _parts(chosen):
        wanted = {"ids": part, "limit": AT_ONCE, "reason": reason}
        yield {"service": service, **owners.post(service, f"{PATH}/discard", wanted)}


def discarded_on_trial(owners: Owners, chosen: dict[str, list[str]], reason: str) -> Iterator[dict[str, Any]]:
    """Yield what would become of each if they were discarded, with its service."""
    for service, part in _parts(chosen):
        wanted = {"ids": part, "limit": AT_ONCE, "reason": reason, "dry_run": True}
        yield from (
            {"service": service, **each} for each in owners.post(service, f"{PATH}/discard", wanted)["items"]
        )


def require_each(chosen: dict[str, list[str]], taken: Iterable[str]) -> None:
    """Raise StackError with those that were chosen and not taken: a discard takes no more than what is open."""
    known = set(taken)
    left_out = [each for ids in chosen.values() for each in ids if each not in known]
    if left_out:
        raise StackError(
            f"Left out: {', '.join(left_out)}. They are open no more, or the service had no time for them.",
            "See what became of one: backoffice events dlq show <id>",
        )


def _parts(chosen: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for service, ids in chosen.items():
        for first in range(0, len(ids), AT_ONCE):
            yield service, ids[first : first + AT_ONCE]


def _redrive(owners: Owners, service: str, ids: list[str], how: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Send one part. A single one is named in the path, so that one which is done already says so."""
    if len(ids) == 1:
        yield owners.post(service, f"{PATH}/{ids[0]}/redrive", how)
        return
    answer = owners.post(service, f"{PATH}/redrive", {"ids": ids, "limit": AT_ONCE, **how})
    yield from answer["items"]
    if answer["remaining"]:
        if not answer["items"]:
            raise StackError(f"{service} took none of {len(ids)} in its time.", "Try fewer at a time.")
        return
    known = {one["id"] for one in answer["items"]}
    for each in ids:
        if each not in known:  # what somebody else dealt with meanwhile is no longer open
            yield from _redrive(owners, service, [each], how)


def shown(
    doing: Iterable[dict[str, Any]], show: Callable[[list[dict[str, Any]]], None]
) -> list[dict[str, Any]]:
    """Do it, one after the other, show what was done and return it; before a failure, what was done until then."""
    done: list[dict[str, Any]] = []
    try:
        for each in doing:
            done.append(each)  # noqa: PERF402  what came before a failure is kept
    except BaseException:
        if done:
            show(done)
        raise
    show(done)
    return done


def report(handled: list[dict[str, Any]], *, as_json: bool, dry_run: bool) -> None:
    """Print what became of each."""
    if as_json:
        print_json(handled)
    else:
        for each in handled:
            console.print(sentence(each), markup=False, highlight=False, soft_wrap=True)
        counted = {each["result"] for each in handled}
        totals = (
            ", ".join(f"{sum(e['result'] == r for e in handled)} {r}" for r in sorted(counted)) or "None."
        )
        console.print(f"Dry run, nothing was done: {totals}" if dry_run else totals, highlight=False)


def require_none_refused(handled: list[dict[str, Any]]) -> None:
    """End with exit code 1 when one could not be dealt with, or the next one behind it was refused."""
    if any(each["reason"] or each["follower_refused"] for each in handled):
        raise typer.Exit(Exit.FAILED)


def sentence(handled: dict[str, Any]) -> str:
    """Return one answer in words."""
    what = f"{handled['service']} {handled['id']} {handled['result']}"
    if handled["reason"]:
        return f"{what}: {handled['reason']}"
    what += f", {handled['followers']} followers went on"
    return (
        f"{what}; the next one was refused: {handled['follower_refused']}"
        if handled["follower_refused"]
        else what
    )
