"""Deaths and sleep of the platform's processes; the supervisor starts again what died."""

import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass
from functools import partial

from backoffice_cli.chaos.fault import Drawn, Fault, NotNowError, OneFault, Planned, Shape
from backoffice_cli.chaos.outage import BACK_SECONDS, await_return
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.overrides import Override


@dataclass(frozen=True)
class EndProcess(OneFault):
    """One or several services get a signal at the same moment."""

    name: str
    number: signal.Signals
    most: int

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the services."""
        several = 1 if self.most == 1 else draw.randint(2, min(self.most, len(shape.services)))
        return Drawn(",".join(draw.sample(shape.services, several)))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Send the signals and take note of who got them; who is down already is left out.

        Raises NotNowError when all are.
        """
        for name in planned.target.split(","):
            try:
                stage.kept(planned)[name] = stage.signal(name, self.number), time.monotonic()
            except NotNowError as reason:
                stage.note(planned, f"left out: {reason}")
            else:
                stage.note(planned, f"{self.number.name} to {name}")
        if not stage.kept(planned):
            raise NotNowError("all of them are down")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """See, beside the run, that each comes back as another process: the supervisor starts it again."""
        for name, (pid, since) in stage.kept(planned).items():
            stage.aside(partial(self._see, stage, planned, name, pid, since))

    def _see(self, stage: Stage, planned: Planned, name: str, pid: int, since: float) -> None:
        await_return(stage, name, pid)
        stage.note(planned, f"{name} is back, seen {time.monotonic() - since:.1f} s after it was ended")


def start_otherwise(stage: Stage, service: str, wanted: Override) -> int:
    """End a service, to be started otherwise, and return its process id.

    Raises NotNowError when it does not run, or when another fault has it started otherwise already.
    """
    pid = stage.pid(service)
    stage.take_over(service, wanted)
    with contextlib.suppress(ProcessLookupError):  # it has just ended: its next start is ours all the same
        os.kill(pid, signal.SIGTERM)
    return pid


def restart(stage: Stage, name: str) -> None:
    """End a part of the stack in good order and wait until it serves again. Raises StackError when it does not."""
    ended: list[int] = []

    def end() -> bool:
        try:
            ended.append(stage.signal(name, signal.SIGTERM))
        except NotNowError:
            return False  # it is down just now: what is started next is asked to end too
        return True

    if not stage.until(end, BACK_SECONDS):
        raise StackError(f"{name} was not up within {BACK_SECONDS} s.", "See: backoffice logs")
    await_return(stage, name, ended[0])


@dataclass(frozen=True)
class Zombie(OneFault):
    """A service is stopped for longer than its session lasts: others take over, then it wakes up and goes on."""

    name: str = "zombie"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service and how long it sleeps: the session timeout is ten seconds."""
        return Drawn(draw.choice(shape.services), round(draw.uniform(11.0, 14.0), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Put it to sleep."""
        stage.kept(planned)["pid"] = stage.signal(planned.target, signal.SIGSTOP)
        stage.note(planned, f"SIGSTOP to {planned.target} for {planned.drawn.lasts} s")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Wake it."""
        try:
            os.kill(stage.kept(planned)["pid"], signal.SIGCONT)
        except ProcessLookupError:
            stage.note(planned, "it was killed in its sleep")
        else:
            stage.note(planned, f"SIGCONT to {planned.target}")


FAULTS: tuple[Fault, ...] = (
    EndProcess("kill", signal.SIGKILL, most=1),
    EndProcess("terminate", signal.SIGTERM, most=1),
    EndProcess("kill-several", signal.SIGKILL, most=4),
    EndProcess("terminate-all", signal.SIGTERM, most=5),
    Zombie(),
)
