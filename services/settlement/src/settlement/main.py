"""The settlement service: `python -m settlement.main all|api|worker|migrate`."""

from datetime import timedelta
from pathlib import Path

from backoffice_chassis import Clock, PeriodicJob, Service, ServiceSettings, SystemClock, measuring, run
from settlement.advices.early import take_due
from settlement.advices.handlers import CONSUMER as ADVICES
from settlement.business_days.handlers import CONSUMER as BUSINESS_DAYS
from settlement.controls.api import router as controls
from settlement.controls.api import totals_router as control_totals
from settlement.exceptions.api import router as exceptions
from settlement.history.tables import SEALED as SEALED_HISTORY
from settlement.instructions.api import router as instructions
from settlement.metrics import measure
from settlement.processes.api import router as settlements
from settlement.processes.handlers import CONSUMER as FACTS
from settlement.processes.tables import SEALED

EVERY_SECOND = timedelta(seconds=1)


def build(settings: ServiceSettings, clock: Clock) -> Service:
    """Put the service together."""
    return Service(
        name="settlement",
        title="Settlement",
        description="Instructs confirmed and cleared trades at the CSD and follows them until they settle.",
        settings=settings,
        routers=[settlements, instructions, exceptions, control_totals, controls],
        consumers=[FACTS, ADVICES, BUSINESS_DAYS],
        sealed=[SEALED, SEALED_HISTORY],
        jobs=[
            PeriodicJob("take advices whose business day has opened", EVERY_SECOND, take_due),
            measuring("what is open", measure),
        ],
        migrations=Path(__file__).parents[2] / "migrations",
        clock=clock,
    )


def main() -> None:
    """Run what the command line names."""
    run(lambda: build(ServiceSettings(), SystemClock()))


if __name__ == "__main__":
    main()
