"""Events refused for a while, then redriven by two people at once while the next ones of their trades arrive."""

import random
import threading
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx

from backoffice_cli.chaos.fault import Drawn, Fault, NotNowError, OneFault, Planned, Shape
from backoffice_cli.chaos.recovery import DEAD_LETTERS
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.platform import body_of, every_page
from backoffice_cli.stack.errors import StackError

_ACCOUNTS: Final = ("1100", "1210", "1310", "2110", "6110")
_PEOPLE: Final = (1, 2)
_INSIST_SECONDS: Final = 120
_SHORT_SECONDS: Final = 3
_MOST: Final = 300


@dataclass(frozen=True)
class ClosedAccount(OneFault):
    """Finance closes an account, so the ledger refuses what needs it; then it is opened and two people redrive."""

    name: str = "closed-account"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the account and for how long."""
        return Drawn(draw.choice(_ACCOUNTS), round(draw.uniform(2, 5), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Close it."""
        try:
            set_account(stage, planned.target, "close")
        except (httpx.HTTPError, StackError) as error:
            raise NotNowError(f"the ledger does not close it: {error}") from error
        stage.note(planned, "closed")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Open it and have two people redrive every dead letter, at the same time: beside the run.

        The ledger may be away because of another fault, which the run has yet to take back.
        """
        opened = threading.Event()
        stage.aside(partial(self._open, stage, planned, opened))
        for person in _PEOPLE:
            stage.aside(partial(self._redrive, stage, planned, opened, person))

    def _open(self, stage: Stage, planned: Planned, opened: threading.Event) -> None:
        try:
            stage.insist(partial(set_account, stage, planned.target, "open"), _INSIST_SECONDS)
            stage.note(planned, "opened again")
        finally:
            opened.set()

    def _redrive(self, stage: Stage, planned: Planned, opened: threading.Event, person: int) -> None:
        """Redrive one by one what is open; what the other was faster with is left alone."""
        opened.wait()
        results = stage.insist(partial(redrive_each, stage, "ledger", person), _INSIST_SECONDS)
        said = ", ".join(f"{number} {result}" for result, number in sorted(results.items()))
        stage.note(planned, f"person {person} redrove: {said or 'nothing was open'}")


def set_account(stage: Stage, code: str, change: str) -> None:
    """Open or close an account of the ledger. Raises HTTPError or StackError when that does not succeed."""
    with stage.platform.client("ledger", "finance") as client:
        found = client.get(f"/accounts/{code}", timeout=_SHORT_SECONDS)
        wanted = {"open": "OPEN", "close": "CLOSED"}[change]
        if body_of(found)["status"] != wanted:
            headers = {"If-Match": found.headers["ETag"]}
            reason = {"reason": "a disturbance on purpose"}
            body_of(client.post(f"/accounts/{code}/{change}", json=reason, headers=headers))


def redrive_each(stage: Stage, service: str, person: int) -> Counter[str]:
    """Redrive the oldest open dead letters of a service one by one; return the results with their numbers."""
    results: Counter[str] = Counter()
    with stage.platform.client(service, "sre", person) as client:
        open_ones: list[dict[str, Any]] = list(every_page(client, DEAD_LETTERS, status="open"))[:_MOST]
        for each in open_ones:
            reason = {"reason": f"redriven by person {person}"}
            answer = body_of(client.post(f"{DEAD_LETTERS}/{each['id']}/redrive", json=reason))
            results[answer["result"]] += 1
    return results


FAULTS: tuple[Fault, ...] = (ClosedAccount(),)
