"""The composition root of trade-capture: `python -m trade_capture.main all|api|worker|migrate`."""

from pathlib import Path

from pydantic import Field

from backoffice_chassis import Clock, Service, ServiceSettings, SystemClock, measuring, run
from trade_capture.confirmation import api as confirmation_api
from trade_capture.confirmation import handlers as confirmation_handlers
from trade_capture.metrics import measure
from trade_capture.reference import api, business_days_api, proposals
from trade_capture.reference.cache import ReferenceCache
from trade_capture.reference.handlers import EMPLOYEES
from trade_capture.reference.tables import SEALED
from trade_capture.repair import api as repair_api
from trade_capture.trades import api as trades_api
from trade_capture.trades import controls_api
from trade_capture.trades.capture import Capture
from trade_capture.trades.handlers import TradeConsumer
from trade_capture.trades.tables import SEALED_VERSIONS

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class TradeCaptureSettings(ServiceSettings):
    """Settings of trade-capture alone."""

    max_trade_age_days: int = Field(
        default=10,
        ge=0,
        description="Settlement days that a new trade may lie behind the open business date.",
    )
    max_settlement_lag_days: int = Field(
        default=90,
        ge=0,
        description="Days that an agreed settlement date may lie behind the trade date.",
    )


def build(settings: TradeCaptureSettings, clock: Clock) -> Service:
    """Put the service together."""
    reference = ReferenceCache()
    capture = Capture(
        reference,
        max_trade_age=settings.max_trade_age_days,
        max_settlement_lag=settings.max_settlement_lag_days,
    )
    return Service(
        name="trade-capture",
        title="Trade capture",
        description="Captures, validates and confirms trades; owns the reference data and the business day.",
        settings=settings,
        clock=clock,
        routers=[
            api.router,
            business_days_api.router,
            trades_api.router(capture, reference),
            controls_api.router,
            repair_api.router(capture),
            confirmation_api.router,
        ],
        approvals=[proposals.CHANGES],
        sealed=[*SEALED.values(), SEALED_VERSIONS],
        consumers=[EMPLOYEES, TradeConsumer(capture).spec(), confirmation_handlers.consumer()],
        jobs=[measuring("the open days", measure)],
        migrations=MIGRATIONS,
    )


def main() -> None:
    """Run the service as its environment says."""
    run(lambda: build(TradeCaptureSettings(), SystemClock()))


if __name__ == "__main__":
    main()
