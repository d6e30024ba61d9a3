"""What the CSD simulator is told, by environment (prefix `BACKOFFICE_CSD_`) or command line."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from simulators.csd.behaviour import Rates

Rate = Annotated[Decimal, Field(ge=0, le=1)]


class CsdSettings(BaseSettings):
    """A CSD that matches and settles on the business date; each rate is the share of instructions that go wrong so."""

    model_config = SettingsConfigDict(
        env_prefix="BACKOFFICE_CSD_",
        extra="ignore",
        frozen=True,
        cli_kebab_case=True,
        cli_prog_name="python -m simulators.csd",
    )

    seed: str = Field(
        default="1", max_length=64, description="Another seed draws another fate for each instruction."
    )
    record: Path | None = Field(
        default=None,
        description="Its own record of what it said, JSON lines; appended to. None: it keeps none.",
    )
    rejected: Rate = Field(default=Decimal(0), description="Rejected on arrival.")
    unmatched: Rate = Field(
        default=Decimal(0), description="Unmatched at first, matched by the counterparty later."
    )
    delayed: Rate = Field(default=Decimal(0), description="Not processed before the day of settlement.")
    failing: Rate = Field(
        default=Decimal(0), description="Somebody is short of securities or cash for some days."
    )
    partial: Rate = Field(default=Decimal(0), description="Settles in two parts, some days apart.")
    cancellation_denied: Rate = Field(
        default=Decimal(0), description="Cancellation is denied though possible."
    )

    @property
    def rates(self) -> Rates:
        """Return the rates, checked together."""
        return Rates(
            rejected=self.rejected,
            unmatched=self.unmatched,
            delayed=self.delayed,
            failing=self.failing,
            partial=self.partial,
            cancellation_denied=self.cancellation_denied,
        )
