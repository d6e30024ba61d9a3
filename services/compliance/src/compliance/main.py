"""The composition root: what the compliance service is made of."""

from datetime import timedelta
from pathlib import Path

from backoffice_chassis import Clock, PeriodicJob, Service, ServiceSettings, SystemClock, measuring, run
from compliance.cases import api as cases
from compliance.cases.resolution import RESOLUTIONS
from compliance.checks import api as decisions
from compliance.checks.handlers import Judge
from compliance.metrics import measure
from compliance.reference.handlers import CONSUMERS
from compliance.rules import api as rules
from compliance.rules.changes import CHANGES
from compliance.rules.repository import RulebookReader
from compliance.screening import api as screening
from compliance.screening.jobs import Screener
from compliance.screening.versions import IndexReader

MIGRATIONS = Path(__file__).parents[2] / "migrations"
EVERY_SECOND = timedelta(seconds=1)


def build(settings: ServiceSettings, clock: Clock) -> Service:
    """Put the service together."""
    judge = Judge(RulebookReader())
    indexes = IndexReader()
    return Service(
        name="compliance",
        title="Compliance",
        description="Decides which trades may go on, and screens whom the firm trades with.",
        settings=settings,
        routers=(decisions.router, cases.router, rules.router, *screening.routers(indexes)),
        consumers=(judge.consumer(), *CONSUMERS),
        approvals=(RESOLUTIONS, CHANGES),
        jobs=(
            PeriodicJob("screen counterparties", EVERY_SECOND, Screener(indexes).screen_stale),
            PeriodicJob("judge trades that waited", EVERY_SECOND, judge.on_waiting),
            measuring("open cases", measure),
        ),
        migrations=MIGRATIONS,
        clock=clock,
    )


def main() -> None:
    """Run the process that the command line asks for: all, api, worker or migrate."""
    run(lambda: build(ServiceSettings(), SystemClock()))


if __name__ == "__main__":
    main()
