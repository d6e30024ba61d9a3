"""The wall clocks of services jump back and forth, and are set to other time zones."""

import random
import threading
from pathlib import Path

from backoffice_cli.chaos.fault import Drawn, Fault, OneFault, Planned, Shape
from backoffice_cli.chaos.faults.processes import restart, start_otherwise
from backoffice_cli.chaos.outage import await_return
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.stack.overrides import Override
from backoffice_cli.stack.paths import write_whole

_HOUR = 3600
_ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "America/New_York", "UTC")
_LAUNCHER = "backoffice_cli.chaos.sabotage"


class ClockJumps(OneFault):
    """A service runs with a wall clock, and in a time zone, of its own; the clock jumps, then jumps back.

    The service is started anew for it, before and after: a clock cannot be given to a process that runs.
    """

    name = "clock-jumps"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service, the jump in seconds, the time zone, and for how long."""
        jump = draw.choice((-1, 1)) * draw.choice((0.5, 45, _HOUR, 30 * _HOUR, 24 * 400 * _HOUR))
        parameters: dict[str, int | float | str] = {"jump": jump, "zone": draw.choice(_ZONES)}
        return Drawn(draw.choice(shape.services), round(draw.uniform(3.0, 10.0), 1), parameters)

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Start the service with a clock that follows a file, and let it jump once it runs."""
        file = _clock_of(stage, planned)
        write_whole(file, "0")
        environment = {
            "BACKOFFICE_SABOTAGE": f"clock:{file}",
            "TZ": str(planned.parameters["zone"]),
        }
        pid = start_otherwise(stage, planned.target, Override(_LAUNCHER, environment=environment))
        jumped = stage.kept(planned)["jumped"] = threading.Event()

        def jump() -> None:
            try:
                await_return(stage, planned.target, pid)
                write_whole(file, str(planned.parameters["jump"]))
                stage.note(
                    planned, f"jumps by {planned.parameters['jump']} s in {planned.parameters['zone']}"
                )
            finally:
                jumped.set()

        stage.aside(jump)

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Set it right, then start the service as usual: beside the run, for it has to start before it can jump."""

        def set_right() -> None:
            stage.kept(planned)["jumped"].wait()
            write_whole(_clock_of(stage, planned), "0")
            stage.note(planned, "jumps back")
            stage.give_back(planned.target)
            restart(stage, planned.target)

        stage.aside(set_right)


def _clock_of(stage: Stage, planned: Planned) -> Path:
    return stage.folder / "clocks" / planned.target


FAULTS: tuple[Fault, ...] = (ClockJumps(),)
