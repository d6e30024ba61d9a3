"""The composition root of the ledger: `python -m ledger.main all|api|worker|migrate`."""

from pathlib import Path

from backoffice_chassis import Clock, Service, ServiceSettings, SystemClock, run
from ledger.accounts import api as accounts_api
from ledger.business_days.handlers import CONSUMER as BUSINESS_DAYS
from ledger.controls import api as controls_api
from ledger.journals import api as journals_api
from ledger.journals.handlers import CONSUMER as TRADES
from ledger.positions import api as positions_api

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def build(settings: ServiceSettings, clock: Clock) -> Service:
    """Put the service together."""
    return Service(
        name="ledger",
        title="Ledger",
        description="Keeps the books and the stock record: journals on trade date and on settlement date.",
        settings=settings,
        clock=clock,
        routers=(
            accounts_api.router,
            journals_api.router,
            positions_api.router,
            controls_api.totals_router,
            controls_api.router,
        ),
        consumers=(BUSINESS_DAYS, TRADES),
        migrations=MIGRATIONS,
    )


def main() -> None:
    """Run what the command line names until SIGTERM."""
    run(lambda: build(ServiceSettings(), SystemClock()))


if __name__ == "__main__":
    main()
