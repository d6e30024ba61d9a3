"""Deaths and sleep of the platform's processes; the supervisor starts again what died."""

import os
import random
import signal
import time
from dataclasses import dataclass

from backoffice_cli.chaos.fault import Drawn, Fault, NotNowError, OneFault, Planned, Shape
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack.errors import StackError

BACK_SECONDS = 90


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
        """Send the signals and take note of who got them; who is down already is left out."""
        for name in planned.target.split(","):
            try:
                stage.kept(planned)[name] = stage.signal(name, self.number), time.monotonic()
            except NotNowError as reason:
                stage.note(planned, f"left out: {reason}")
            else:
                stage.note(planned, f"{self.number.name} to {name}")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """See that each is back as another process. Raises StackError when one is not."""
        for name, (pid, since) in stage.kept(planned).items():
            await_return(stage, name, pid)
            stage.note(planned, f"{name} is back, seen {time.monotonic() - since:.1f} s after it was ended")


def await_return(stage: Stage, name: str, pid: int) -> None:
    """Wait until a part of the stack serves under another process id. Raises StackError when it does not."""
    back = stage.until(
        lambda: stage.component(name).pid not in {pid, None} and stage.is_ready(name), BACK_SECONDS
    )
    if not back:
        raise StackError(f"{name} did not come back within {BACK_SECONDS} s.", "See: backoffice logs")


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
