"""Tables of the service's own copies of reference data, each the latest state published by its owner."""

from sqlalchemy import Column, Date, Integer, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from compliance.metadata import metadata

instrument = Table(
    "instrument",
    metadata,
    Column("isin", Text, primary_key=True),
    Column("mic", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("instrument_type", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reference_price", Numeric),
    Column("price_date", Date),
)

employee = Table(
    "employee",
    metadata,
    Column("employee_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("record", JSONB, nullable=False),
)
