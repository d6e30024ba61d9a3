"""After the faults: all is up again, what stopped by itself is started, dead letters are dealt with, nothing moves.

Only what an operator would do, by the runbooks: nothing here knows the inside of a service.
"""

import signal
from collections import Counter
from functools import partial
from typing import Final

import httpx

from backoffice_cli.chaos.fault import NotNowError
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.flow import Quiet
from backoffice_cli.platform import body_of, every_page
from backoffice_cli.stack.errors import StackError

DEAD_LETTERS: Final = "/messaging/dead-letters"
_READY_SECONDS: Final = 120
_QUIET_SECONDS: Final = 240
_STILL_SECONDS: Final = 0.8
_POLL_SECONDS: Final = 0.3
_ROUNDS: Final = 20
_AT_ONCE: Final = 500
_DISCARDED_AT_ONCE: Final = 100


def recover(stage: Stage) -> None:
    """Bring the stack back to quiet and deal with its dead letters. Raises StackError when that does not succeed."""
    await_ready(stage)
    await_quiet(stage)
    for _ in range(_ROUNDS):
        if not handle_dead_letters(stage):
            return
        await_quiet(stage)
    raise StackError("There are always more dead letters.", "See: backoffice events dlq")


def await_ready(stage: Stage) -> None:
    """Wait until every service is ready; one whose consumer has stopped by itself is started again."""

    def all_ready() -> bool:
        restart_halted(stage)
        return all(_readiness(stage, service) == "" for service in stage.platform.services)

    if not stage.until(all_ready, _READY_SECONDS):
        problems = {service: _readiness(stage, service) for service in stage.platform.services}
        raise StackError(
            f"Not everything is ready after {_READY_SECONDS} s: {problems}", "See: backoffice logs"
        )


def await_quiet(stage: Stage) -> None:
    """Wait until nothing is on its way any more."""

    def watch(_: Counter[str]) -> None:
        restart_halted(stage)

    quiet = Quiet(stage.platform, watch, poll_seconds=_POLL_SECONDS)
    quiet.wait(still_for=_STILL_SECONDS, at_most=_QUIET_SECONDS)


def restart_halted(stage: Stage) -> None:
    """Start services again whose consumers stopped at the dead-letter cap: docs/runbooks/consumer-stopped.md."""
    for service in stage.platform.services:
        if "became dead letters" in _readiness(stage, service):
            try:
                stage.signal(service, signal.SIGTERM)
            except NotNowError:
                continue
            stage.tell("recovery", service, "started again: a consumer had stopped at the dead-letter cap")
            stage.until(lambda name=service: _readiness(stage, name) == "", _READY_SECONDS)  # type: ignore[misc]


def _readiness(stage: Stage, service: str) -> str:
    """Return why a service is not ready, empty when it is."""
    try:
        answer = httpx.get(f"{stage.platform.url(service)}/readyz", timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        return repr(error)
    return "" if answer.is_success else answer.text


def handle_dead_letters(stage: Stage) -> bool:
    """Redrive every open dead letter and discard what is refused again; tell whether there was any.

    Runbook: docs/runbooks/dead-letters.md. What is refused again cannot be read, now or ever: bad data of the front
    office or what a fault sent. The audit would notice a real event among them. A service may still die at a crash
    point that it has yet to pass: it is asked again.
    """
    handled = [
        stage.insist(partial(_handle, stage, service), _READY_SECONDS) for service in stage.platform.services
    ]
    return any(handled)


def _handle(stage: Stage, service: str) -> bool:
    with stage.platform.client(service, "sre") as client:
        open_ones = [each["id"] for each in every_page(client, DEAD_LETTERS, status="open")]
        results = _redrive(client, open_ones)
        refused = [letter for letter, result in results.items() if result == "failed"]
        with stage.platform.client(service, "sre", 2) as second_person:
            _discard(client, second_person, refused)
    if open_ones:
        said = f"{len(open_ones)} dead letters redriven, {len(refused)} of them discarded"
        stage.tell("recovery", service, said)
    return bool(open_ones)


def _redrive(client: httpx.Client, ids: list[str]) -> dict[str, str]:
    """Redrive these, in parts; return what became of each by its id.

    A request does as much as it has time for. What it did not take on is open no more, or asked for once more.
    """
    results: dict[str, str] = {}
    for first in range(0, len(ids), _AT_ONCE):
        rest = ids[first : first + _AT_ONCE]
        while rest:
            wanted = {"ids": rest, "limit": _AT_ONCE, "reason": "the disturbance is over"}
            answer = body_of(client.post(f"{DEAD_LETTERS}/redrive", json=wanted))
            results |= {each["id"]: each["result"] for each in answer["items"]}
            rest = [each for each in rest if each not in results] if answer["remaining"] else []
    return results


def _discard(client: httpx.Client, second_person: httpx.Client, ids: list[str]) -> None:
    """Discard these, in parts: one person proposes, another approves."""
    for first in range(0, len(ids), _DISCARDED_AT_ONCE):
        part = ids[first : first + _DISCARDED_AT_ONCE]
        wanted = {"ids": part, "limit": _DISCARDED_AT_ONCE, "reason": "it cannot be taken, ever"}
        made = body_of(client.post(f"{DEAD_LETTERS}/discard", json=wanted))
        body_of(second_person.post(f"/approvals/{made['approval_id']}/approve", json={}))
