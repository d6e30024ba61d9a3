"""Who is screened, and what a screening says."""

import hashlib
from decimal import Decimal
from enum import StrEnum

import msgspec

FLOOR = Decimal(60)
"""Matches below this score are not kept: no screening policy may have a lower threshold than this."""


class Counterparty(msgspec.Struct, frozen=True, kw_only=True):
    """A party as it is screened. country: ISO 3166 alpha-2, None when unknown."""

    lei: str
    version: int
    name: str
    bic: str
    country: str | None

    @property
    def digest(self) -> str:
        """Return a digest of what screening looks at: a whitelisting stands only while it is the same."""
        details = msgspec.json.encode((self.lei, self.name, self.bic, self.country))
        return hashlib.sha256(details).hexdigest()


class EntityType(StrEnum):
    """What a list entry is."""

    PERSON = "PERSON"
    ORGANISATION = "ORGANISATION"
    VESSEL = "VESSEL"
    AIRCRAFT = "AIRCRAFT"


PARTIES = frozenset({EntityType.PERSON, EntityType.ORGANISATION})
"""What can trade. An LEI does not tell them apart: ISO 17442-1 gives one also to individuals acting in a business."""


class Alias(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One name of a list entry. weak: the list itself says that it is broad or generic."""

    name: str
    weak: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One party of a sanctions list.

    names: the primary one first, then all aliases. countries: ISO 3166 alpha-2, of addresses and nationality.
    identifiers: `LEI:…`, `BIC:…` (8 characters), `PASSPORT:…`. programmes: why it is listed, in the list's
    codes.
    """

    entry_id: str
    entity_type: EntityType
    names: tuple[Alias, ...]
    countries: tuple[str, ...]
    identifiers: tuple[str, ...]
    programmes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return a digest of the entry: a whitelisting stands only while it is the same."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


UNREAD = "UNREAD"
"""In place of an entry's id: whoever is on the list."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A counterparty's likeness to one entry of a sanctions list.

    score: 0 to 100. name: the list's name or alias that came closest. features: what the score is made of, in
    words. entry_id is UNREAD, with no digest, where the party's name is in letters that nobody compared with the
    list's: it may be anybody's, and says so.
    """

    list_kind: str
    entry_id: str
    entry_digest: str
    name: str
    score: Decimal
    features: tuple[str, ...] = ()


class Screening(msgspec.Struct, frozen=True, kw_only=True):
    """A counterparty screened against the lists of one moment. lists: version id of each list it stood on.

    matches: every likeness worth a look, best first; whether one holds trades is the screening policy's to
    say.
    """

    screening_id: str
    counterparty: Counterparty
    algorithm: str
    lists: dict[str, str]
    matches: tuple[Match, ...]
