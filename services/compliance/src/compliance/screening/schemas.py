"""Lists and screenings as clients see them."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from backoffice_chassis.http.vocabulary import Bic, Figure, Lei, ShortText
from compliance.rules.domain import ListKind
from compliance.screening.domain import EntityType


class ListVersion(BaseModel):
    """A version of a sanctions list. added, changed, removed: entries, against the version before."""

    list_id: str
    list_kind: ListKind
    version: int
    as_of: date
    digest: str = Field(description="SHA-256 over the files.")
    entries: int
    names: int
    added: int
    changed: int
    removed: int
    loaded_at: datetime
    loaded_by: str


class MatchView(BaseModel):
    """A likeness to a list entry, with what its score is made of."""

    list_kind: ListKind
    entry_id: str
    entry_digest: str
    name: str
    score: Figure
    features: list[str]


class ScreeningView(BaseModel):
    """A counterparty's screening. lists: id of each list version that it stood on."""

    screening_id: str
    lei: str
    top_score: Figure
    screened_at: datetime
    counterparty: dict[str, Any]
    algorithm: str
    lists: dict[str, str]
    matches: list[MatchView]


class Question(BaseModel):
    """Whom to look for."""

    model_config = ConfigDict(extra="forbid")

    name: ShortText
    entity_type: Annotated[
        EntityType | None, Field(description="None: a person or an organisation, nobody said which.")
    ] = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166 alpha-2.")] | None = None
    lei: Lei | None = None
    bic: Bic | None = None
    passport: Annotated[str, Field(pattern="^[A-Z0-9]{4,20}$")] | None = None

    def identifiers(self) -> tuple[str, ...]:
        """Return the identifiers as list entries have them."""
        known = (("LEI", self.lei), ("BIC", self.bic and self.bic[:8]), ("PASSPORT", self.passport))
        return tuple(f"{kind}:{value}" for kind, value in known if value)


class Answer(BaseModel):
    """What the newest lists say. lists: id of each list version that was looked at."""

    algorithm: str
    lists: dict[str, str]
    matches: list[MatchView]
