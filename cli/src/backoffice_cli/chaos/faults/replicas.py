"""More workers of a service that come and go, and restarts of everything: rebalances under load."""

import random
import signal
import time
from dataclasses import dataclass
from functools import partial

from backoffice_cli.chaos.children import Child, start_worker
from backoffice_cli.chaos.fault import Act, Drawn, Fault, NotNowError, OneFault, Parameters, Planned, Shape
from backoffice_cli.chaos.faults.processes import restart, start_otherwise
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack import children
from backoffice_cli.stack.overrides import Override

_LEAVES = {"finishes": signal.SIGTERM, "dies": signal.SIGKILL}
_LEAVES_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Replicas(OneFault):
    """One or two more workers of a service join its groups, and leave or die in the midst of the work."""

    name: str = "replicas"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service, how many join, for how long and how they leave."""
        parameters: Parameters = {"workers": draw.randint(1, 2), "leaves": draw.choice(sorted(_LEAVES))}
        return Drawn(draw.choice(shape.services), round(draw.uniform(6, 12), 1), parameters)

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Start them."""
        names = [
            f"{planned.target}-replica-{number + 1}" for number in range(int(planned.parameters["workers"]))
        ]
        stage.kept(planned)["workers"] = [start_worker(stage, planned.target, name) for name in names]
        stage.note(planned, f"{len(names)} more workers started")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Have them leave, beside the run."""
        stage.aside(partial(self._leave, stage, planned))

    def _leave(self, stage: Stage, planned: Planned) -> None:
        number = _LEAVES[str(planned.parameters["leaves"])]
        workers: list[Child] = stage.kept(planned)["workers"]
        codes = [worker.poll() for worker in workers]
        children.stop([(worker, number) for worker in workers], patience_seconds=_LEAVES_WITHIN_SECONDS)
        stage.note(planned, f"they got {number.name}" + (f"; ended before: {codes}" if any(codes) else ""))


@dataclass(frozen=True)
class SplitProcess(OneFault):
    """A service runs as API and worker apart; each of them is killed once, and then it runs as one process again."""

    name: str = "split"
    acts: tuple[Act, ...] = (Act.TRADING,)
    weight: float = 0.5

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service and for how long."""
        return Drawn(draw.choice(shape.services), round(draw.uniform(8, 12), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Have the supervisor start the API alone, and a worker beside it; the first worker dies a moment later."""
        start_otherwise(stage, planned.target, Override(command="api"))
        workers = [
            start_worker(stage, planned.target, f"{planned.target}-worker-{number}") for number in (1, 2)
        ]
        stage.kept(planned)["workers"] = workers
        stage.note(planned, "API alone, two workers beside it")
        stage.aside(partial(self._kill_in_between, stage, planned))

    def _kill_in_between(self, stage: Stage, planned: Planned) -> None:
        """Kill one worker and the API while the other worker goes on."""
        lasts = planned.drawn.lasts or 0.0
        time.sleep(lasts / 2)
        stage.kept(planned)["workers"][0].kill()
        stage.note(planned, "SIGKILL to one worker")
        time.sleep(lasts / 4)
        try:
            stage.signal(planned.target, signal.SIGKILL)
        except NotNowError as reason:
            stage.note(planned, f"the API was not killed: {reason}")
        else:
            stage.note(planned, "SIGKILL to the API")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Return to one process for both."""
        stage.give_back(planned.target)
        stage.aside(partial(self._unite, stage, planned))

    def _unite(self, stage: Stage, planned: Planned) -> None:
        restart(stage, planned.target)
        workers: list[Child] = stage.kept(planned)["workers"]
        children.stop(
            [(worker, signal.SIGTERM) for worker in workers], patience_seconds=_LEAVES_WITHIN_SECONDS
        )
        stage.note(planned, "API and worker in one process again")


@dataclass(frozen=True)
class RollingRestart(OneFault):
    """Every service is restarted, one after the other, as a release would, while trades flow."""

    name: str = "rolling-restart"
    acts: tuple[Act, ...] = (Act.TRADING,)
    weight: float = 0.5

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the order."""
        return Drawn(",".join(draw.sample(shape.services, len(shape.services))))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Begin; the rest goes on beside the run."""
        stage.aside(partial(self._restart_all, stage, planned))

    def _restart_all(self, stage: Stage, planned: Planned) -> None:
        for service in planned.target.split(","):
            restart(stage, service)
            stage.note(planned, f"{service} restarted")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Nothing is left to take back: the run waits for what goes on beside it."""


FAULTS: tuple[Fault, ...] = (Replicas(), SplitProcess(), RollingRestart())
