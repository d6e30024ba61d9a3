"""The composition root of hr: `python -m hr.main all|api|worker|migrate`."""

from pathlib import Path

from backoffice_chassis import Clock, Service, ServiceSettings, SystemClock, run
from hr.employees.api import router

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def build(settings: ServiceSettings, clock: Clock) -> Service:
    """Put the service together."""
    return Service(
        name="hr",
        title="HR",
        description="Who works at the firm, and what they are licensed to trade.",
        settings=settings,
        clock=clock,
        routers=[router],
        migrations=MIGRATIONS,
    )


def main() -> None:
    """Run the service as its environment says."""
    run(lambda: build(ServiceSettings(), SystemClock()))


if __name__ == "__main__":
    main()
