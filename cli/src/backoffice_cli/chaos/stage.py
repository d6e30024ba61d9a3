"""What faults act on: the running stack, what was done to it, and the means to do it."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from backoffice_cli.chaos.fault import NotNowError, Planned, Shape
from backoffice_cli.platform import Stack
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.overrides import Override, override, override_of
from backoffice_cli.stack.state import Component, Phase, read_state

if TYPE_CHECKING:
    from backoffice_cli.chaos.front_office import FrontOffice

Say = Callable[[str], None]
T = TypeVar("T")

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done to the stack, or that a fault found. at: seconds after the run began."""

    at: float
    fault: str
    target: str
    what: str


@dataclass
class Stage:
    """A stack with everything that a fault may need.

    front_office: the producer, which faults may have publish more. draw: the run's generator for what is not in the
    plan; faults use parameters wherever they can. struck: the faults of the plan, by number, that came about.
    """

    platform: Stack
    shape: Shape
    front_office: "FrontOffice"
    draw: random.Random
    say: Say
    began: float = field(default_factory=time.monotonic)
    deeds: list[Deed] = field(default_factory=list)
    struck: set[int] = field(default_factory=set)
    _kept: dict[int, dict[str, Any]] = field(default_factory=dict)
    _aside: list[Future[None]] = field(default_factory=list)
    _afterwards: list[Callable[[], None]] = field(default_factory=list)
    _hands: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(32, "fault"))
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def folder(self) -> Path:
        """Return the stack's state folder."""
        return self.platform.folder

    def note(self, planned: Planned, what: str) -> None:
        """Write down what was done or seen."""
        self.tell(planned.fault, planned.target, what)

    def tell(self, who: str, target: str, what: str) -> None:
        """Write down what was done or seen other than by a fault of the plan."""
        deed = Deed(round(time.monotonic() - self.began, 3), who, target, what)
        with self._writing:
            self.deeds.append(deed)
        self.say(f"{deed.at:7.2f} s  {deed.fault} {deed.target}: {what}")

    def kept(self, planned: Planned) -> dict[str, Any]:
        """Return what an occurrence of a fault keeps for its healing: written by `inject`, read by `heal`."""
        return self._kept.setdefault(planned.number, {})

    def aside(self, work: Callable[[], None]) -> None:
        """Do something beside the run, in a thread; `finish_aside` waits for it and raises what it raised."""
        self._aside.append(self._hands.submit(work))

    def finish_aside(self) -> None:
        """Wait for all that was begun beside the run."""
        pending, self._aside = self._aside, []
        for each in pending:
            each.result()

    def afterwards(self, work: Callable[[], None]) -> None:
        """Do something once the act is over and all is quiet again."""
        self._afterwards.append(work)

    def finish_afterwards(self) -> None:
        """Do what was put off until all is quiet."""
        pending, self._afterwards = self._afterwards, []
        for work in pending:
            work()

    def take_over(self, service: str, wanted: Override) -> None:
        """Have a service started otherwise from its next start on. Raises NotNowError when another fault does so."""
        with self._writing:
            if override_of(self.folder, service) != Override():
                raise NotNowError(f"{service} is started otherwise already")
            override(self.folder, service, wanted)

    def give_back(self, service: str) -> None:
        """Have a service started as usual again, from its next start on."""
        with self._writing:
            override(self.folder, service, None)

    def component(self, name: str) -> Component:
        """Return a part of the stack as its supervisor last saw it. Raises NotNowError when there is no such."""
        state = read_state(self.folder)
        if state is None or name not in state.components:
            raise NotNowError(f"the stack has no {name}")
        return state.components[name]

    def pid(self, name: str) -> int:
        """Return the process id of a part of the stack. Raises NotNowError while it has none."""
        pid = self.component(name).pid
        if pid is None:
            raise NotNowError(f"{name} does not run at the moment")
        return pid

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a part of the stack and return its process id. Raises NotNowError when it is gone."""
        pid = self.pid(name)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            raise NotNowError(f"{name} has just ended") from None
        return pid

    def insist(self, work: Callable[[], T], at_most: float) -> T:
        """Do something over HTTP, again and again while services do not answer, for so many seconds."""
        deadline = time.monotonic() + at_most
        while True:
            try:
                return work()
            except (httpx.HTTPError, StackError):
                if time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_SECONDS)

    def is_ready(self, name: str) -> bool:
        """Say whether a part of the stack runs and serves, as the supervisor last saw it."""
        return self.component(name).phase is Phase.READY

    def until(self, condition: Callable[[], bool], at_most: float) -> bool:
        """Wait for a condition; say whether it came about within so many seconds."""
        deadline = time.monotonic() + at_most
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True
