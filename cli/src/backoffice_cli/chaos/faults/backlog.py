"""A consumer that falls far behind: its service sleeps while more arrives than it takes in many batches."""

import random
import signal
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import psutil

from backoffice_cli.chaos.fault import Act, Drawn, Fault, NotNowError, OneFault, Planned, Shape
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack.errors import StackError

_CONSUMER = "trade-capture"
_CHUNK = 500
_STORED_SECONDS = 300
_MB = 1_000_000
MOST_GROWTH_MB = 100
"""A batch in hand, what the client has fetched ahead, and the allocator's slack; no backlog makes it more."""


@dataclass(frozen=True)
class Backlog(OneFault):
    """Everything published so far is sent again, over and over, while the service that reads it sleeps.

    It sleeps for less than the session lasts, and so stays in its group; then it catches up in its usual memory.
    """

    name: str = "backlog"
    acts: tuple[Act, ...] = (Act.TRADING,)
    weight: float = 0.5

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the number of records, and how long the service sleeps."""
        return Drawn(_CONSUMER, round(draw.uniform(3.0, 6.0), 1), {"records": draw.randint(3_000, 10_000)})

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Put the service to sleep and send. Raises NotNowError while nothing is published."""
        published = [record for _, record in stage.front_office.published]
        if not published:
            raise NotNowError("nothing is published yet")
        pid = stage.pid(planned.target)
        stage.kept(planned).update(pid=pid, before=_memory_mb(pid))
        stage.signal(planned.target, signal.SIGSTOP)
        left = int(planned.parameters["records"])
        sendings = []
        while left:
            chunk = published[: min(left, _CHUNK)]
            sendings.append(stage.front_office.send(chunk, "duplicate"))
            left -= len(chunk)
        stage.aside(partial(_await_all, sendings))
        stage.note(planned, f"asleep; {planned.parameters['records']:,} records are sent again")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Wake it, and look at its memory once it has caught up."""
        pid, before = stage.kept(planned)["pid"], stage.kept(planned)["before"]
        try:
            psutil.Process(pid).send_signal(signal.SIGCONT)
        except psutil.NoSuchProcess:
            stage.note(planned, "it was killed meanwhile")
            return
        stage.note(planned, "awake")
        stage.aside(lambda: _watch(stage, planned, pid, before))


def _await_all(sendings: Sequence[Future[None]]) -> None:
    for each in sendings:
        each.result(_STORED_SECONDS)


def _watch(stage: Stage, planned: Planned, pid: int, before: int) -> None:
    """See that memory stays flat for some seconds of catching up. Raises StackError when it grows."""
    most = before

    def grown() -> bool:
        nonlocal most
        most = max(most, _memory_mb(pid))
        return most - before > MOST_GROWTH_MB

    try:
        too_much = stage.until(grown, at_most=5)
    except psutil.NoSuchProcess:
        stage.note(planned, "it was killed meanwhile")
        return
    if too_much:
        raise StackError(f"{planned.target} grew from {before} to {most} MB over a backlog.", "It must not.")
    stage.note(planned, f"{before} MB before, {most} MB at most while it caught up")


def _memory_mb(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss // _MB)


FAULTS: tuple[Fault, ...] = (Backlog(),)
