"""The composition root of hr: `python -m hr.main all|api|worker|migrate`."""

from pathlib import Path

from pydantic import Field

from backoffice_chassis import Clock, Service, ServiceSettings, SystemClock, run
from hr.employees import api, erasure_api
from hr.employees.erasure import Erasure
from hr.employees.tables import SEALED_PERSON

MIGRATIONS = Path(__file__).parents[2] / "migrations"


class HrSettings(ServiceSettings):
    """Settings of hr alone."""

    person_retention_years: int = Field(
        default=7,
        ge=5,
        le=100,
        description="Years after somebody left before their names and birth date may be erased.",
    )


def build(settings: HrSettings, clock: Clock) -> Service:
    """Put the service together."""
    erasure = Erasure(settings.person_retention_years)
    return Service(
        name="hr",
        title="HR",
        description="Who works at the firm, and what they are licensed to trade.",
        settings=settings,
        clock=clock,
        routers=[api.router, erasure_api.router(erasure)],
        approvals=[erasure.kind],
        sealed=[SEALED_PERSON],
        migrations=MIGRATIONS,
    )


def main() -> None:
    """Run the service as its environment says."""
    run(lambda: build(HrSettings(), SystemClock()))


if __name__ == "__main__":
    main()
