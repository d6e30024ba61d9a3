"""Dead letters dealt with many at a time: which, in what parts, and what is said of it."""

from collections.abc import Iterator
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
        chosen[found["service"]].append(each)
    if not ids:
        for letter in owners.listed(PATH, status="open", **filters):
            chosen[letter["service"]].append(letter["id"])
    return {name: letters[:limit] for name, letters in chosen.items() if letters}


def redriven(
    owners: Owners, chosen: dict[str, list[str]], reason: str, *, dry_run: bool
) -> list[dict[str, Any]]:
    """Redrive them, part by part; return what became of each, with its service."""
    handled = []
    for service, ids in chosen.items():
        rest = list(ids)
        while rest:
            asked = rest[:AT_ONCE]
            done = _redrive(owners, service, asked, {"reason": reason, "dry_run": dry_run})
            handled += [{"service": service, **each} for each in done]
            rest = [each for each in rest if each not in {one["id"] for one in done}]
    return handled


def proposed(owners: Owners, chosen: dict[str, list[str]], reason: str) -> list[dict[str, Any]]:
    """Propose to discard them, part by part; return the approvals that are needed, each with its service."""
    return [{"service": service, **made} for service, made in _discards(owners, chosen, {"reason": reason})]


def discarded_on_trial(owners: Owners, chosen: dict[str, list[str]], reason: str) -> list[dict[str, Any]]:
    """Return what would become of each if they were discarded, with its service."""
    answers = _discards(owners, chosen, {"reason": reason, "dry_run": True})
    return [{"service": service, **each} for service, answer in answers for each in answer["items"]]


def _discards(
    owners: Owners, chosen: dict[str, list[str]], how: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for service, ids in chosen.items():
        for first in range(0, len(ids), AT_ONCE):
            part = {"ids": ids[first : first + AT_ONCE], "limit": AT_ONCE}
            yield service, owners.post(service, f"{PATH}/discard", {**part, **how})


def _redrive(owners: Owners, service: str, ids: list[str], how: dict[str, Any]) -> list[dict[str, Any]]:
    """Send one part. A single one is named in the path, so that one which is done already says so."""
    if len(ids) == 1:
        return [owners.post(service, f"{PATH}/{ids[0]}/redrive", how)]
    answer = owners.post(service, f"{PATH}/redrive", {"ids": ids, "limit": AT_ONCE, **how})
    done: list[dict[str, Any]] = answer["items"]
    if answer["remaining"]:
        if not done:
            raise StackError(f"{service} took none of {len(ids)} in its time.", "Try fewer at a time.")
        return done
    known = {one["id"] for one in done}  # what somebody else dealt with meanwhile is no longer open
    return done + [_redrive(owners, service, [each], how)[0] for each in ids if each not in known]


def report(handled: list[dict[str, Any]], *, as_json: bool, dry_run: bool) -> None:
    """Print what became of each and end with exit code 1 when one could not be dealt with."""
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
    if any(each["reason"] for each in handled):
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
