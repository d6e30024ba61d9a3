"""Tables of the sanctions lists, the counterparties that are screened, and the screenings."""

from sqlalchemy import Column, Date, DateTime, Integer, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from compliance.metadata import metadata

_ID = Uuid(as_uuid=False)

sanctions_list = Table(
    "sanctions_list",
    metadata,
    Column("list_id", _ID, primary_key=True),
    Column("list_kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("digest", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("names", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False),
    Column("loaded_by", Text, nullable=False),
)

sanctions_entry = Table(
    "sanctions_entry",
    metadata,
    Column("list_id", _ID, primary_key=True),
    Column("entry_id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("entry", JSONB, nullable=False),
)

counterparty = Table(
    "counterparty",
    metadata,
    Column("lei", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("bic", Text, nullable=False),
    Column("country", Text),
    Column("screening_id", _ID),
    Column("screened_as", Text),
)

screening = Table(
    "screening",
    metadata,
    Column("screening_id", _ID, primary_key=True),
    Column("lei", Text, nullable=False),
    Column("record", JSONB, nullable=False),
    Column("top_score", Numeric, nullable=False),
    Column("screened_at", DateTime(timezone=True), nullable=False),
)
