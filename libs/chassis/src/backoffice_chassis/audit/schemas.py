"""What /audit answers and is asked."""

from typing import Any

from pydantic import BaseModel, Field

from backoffice_chassis.http.vocabulary import Id
from backoffice_chassis.messaging_api.access import Moment, Word


class EntriesWanted(BaseModel):
    """Which entries: every field that is given must match. sealed: whether it stands in the tree."""

    subject: Word | None = None
    client: Word | None = None
    action: Word | None = None
    object_type: Word | None = None
    object_id: Word | None = None
    at_from: Moment | None = None
    at_to: Moment | None = Field(default=None, description="Excluded.")
    sealed: bool | None = None


class Entry(BaseModel):
    """An entry as it is hashed and signed: RFC 8785 makes its bytes from exactly these fields."""

    entry_id: Id
    service: str
    recorded_at: str
    subject: str
    client: str | None
    address: str | None
    action: str
    object_type: str
    object_id: str | None
    before: Any
    after: Any


class SignedEntry(BaseModel):
    """An entry with what proves that the service wrote it. leaf_index: its place in the tree; null: not sealed yet."""

    entry: Entry
    public_key: str = Field(description="Ed25519, hex.")
    signature: str = Field(
        description="Over `backoffice audit entry\\n` and the entry's RFC 8785 bytes, hex."
    )
    leaf_index: int | None


class Leaf(BaseModel):
    """A leaf of the tree with the entry that it stands for; null: the entry is gone."""

    leaf_index: int
    leaf_hash: str | None
    entry_id: str
    signed: SignedEntry | None


class Head(BaseModel):
    """A signed tree head."""

    service: str
    tree_size: int
    root_hash: str = Field(description="RFC 9162, 2.1.1, hex.")
    sealed_at: str
    public_key: str
    signature: str = Field(
        description="Over `backoffice audit tree head\\n` and the RFC 8785 bytes of the first four fields, hex."
    )


class InclusionProof(BaseModel):
    """Shows that an entry is in the tree of a signed head (RFC 9162, 2.1.3)."""

    signed: SignedEntry
    leaf_hash: str
    proof: list[str]
    head: Head


class ConsistencyProof(BaseModel):
    """Shows that the tree of a signed head begins with an earlier tree (RFC 9162, 2.1.4)."""

    first: int
    first_root: str
    proof: list[str]
    head: Head
