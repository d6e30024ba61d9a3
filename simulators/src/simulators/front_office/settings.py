"""What the front office is told, by environment (prefix `BACKOFFICE_FRONT_OFFICE_`) or command line."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Rate = Annotated[Decimal, Field(ge=0, le=1)]


class FrontOfficeSettings(BaseSettings):
    """Replays a tape. Each rate is the share of trades that this happens to."""

    model_config = SettingsConfigDict(
        env_prefix="BACKOFFICE_FRONT_OFFICE_",
        extra="ignore",
        frozen=True,
        cli_kebab_case=True,
        cli_prog_name="python -m simulators.front_office",
    )

    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("otlp_endpoint", "BACKOFFICE_OTLP_ENDPOINT"),
        description="OpenTelemetry collector (environment: BACKOFFICE_OTLP_ENDPOINT). Without it no trace begins here.",
    )
    trace_ratio: Rate = Field(default=Decimal("0.01"), description="Share of the reports that begin a trace.")
    data: Path = Field(default=Path("data"), description="Folder of the data that the product ships.")
    record: Path = Field(
        default=Path("front-office.jsonl"),
        description="The front office's own record of what it published, one JSON line each; appended to.",
    )
    trades: int = Field(default=5_000, ge=0, description="Trades to replay from the tape's beginning.")
    rate: int = Field(default=500, ge=0, description="Trades a second; 0 = as fast as the broker takes them.")
    seed: str = Field(default="1", max_length=64, description="Another seed, another day: who, what, when.")
    run: str = Field(
        default="", max_length=4, description="Goes into each trade reference: a second run is no resend."
    )
    counterparties: int = Field(default=24, ge=1, description="How many parties the desks deal with.")
    amends: Rate = Field(default=Decimal(0), description="Corrected later: a new version with other terms.")
    amends_again: Rate = Field(
        default=Decimal(0),
        description="Corrected later, and after that once more, back to what it was, or cancelled.",
    )
    busts: Rate = Field(default=Decimal(0), description="Cancelled later.")
    resends: Rate = Field(default=Decimal(0), description="Sent again, with nothing changed.")
    conflicting_resends: Rate = Field(
        default=Decimal(0), description="Sent again under the same version with another quantity."
    )
    bad_data: Rate = Field(default=Decimal(0), description="Broken in one of many ways.")
    fat_fingers: Rate = Field(default=Decimal(0), description="At ten times the price.")
    leavers: Rate = Field(default=Decimal(0), description="Under the name of a trader who left the firm.")
