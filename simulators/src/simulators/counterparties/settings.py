"""What the counterparties are told, by environment (prefix `BACKOFFICE_COUNTERPARTIES_`) or command line."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from simulators.counterparties.behaviour import Rates

Rate = Annotated[Decimal, Field(ge=0, le=1)]


class CounterpartySettings(BaseSettings):
    """Each rate is the share of trades that are confirmed so; the others are confirmed once, right, after the delay."""

    model_config = SettingsConfigDict(
        env_prefix="BACKOFFICE_COUNTERPARTIES_",
        extra="ignore",
        frozen=True,
        cli_kebab_case=True,
        cli_prog_name="python -m simulators.counterparties",
    )

    seed: str = Field(
        default="1", max_length=64, description="Another seed draws another fate for each trade."
    )
    delay_seconds: Decimal = Field(
        default=Decimal(1), ge=0, description="How long a confirmation takes as a rule."
    )
    late_seconds: Decimal = Field(default=Decimal(15), ge=0, description="How long a late one takes.")
    record: Path | None = Field(
        default=None,
        description="Its own record of what it said, JSON lines; appended to. None: it keeps none.",
    )
    early: Rate = Field(
        default=Decimal(0), description="Confirmed at once, perhaps before the trade is captured."
    )
    late: Rate = Field(default=Decimal(0), description="Confirmed late.")
    never: Rate = Field(default=Decimal(0), description="Never confirmed.")
    twice: Rate = Field(default=Decimal(0), description="The same confirmation comes twice.")
    different: Rate = Field(default=Decimal(0), description="Confirmed with a difference, and left at that.")
    corrected: Rate = Field(
        default=Decimal(0), description="Confirmed with a difference, corrected late under the next version."
    )

    @property
    def rates(self) -> Rates:
        """Return the rates, checked together. Raises ValueError."""
        return Rates(
            early=self.early,
            late=self.late,
            never=self.never,
            twice=self.twice,
            different=self.different,
            corrected=self.corrected,
        )
