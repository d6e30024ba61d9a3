"""Table `business_day`: every business day that was opened, by settlement calendar."""

from sqlalchemy import Column, Date, DateTime, Integer, Table, Text

from settlement.metadata import metadata

business_day = Table(
    "business_day",
    metadata,
    Column("calendar", Text, primary_key=True),
    Column("business_date", Date, primary_key=True),
    Column("status", Text, nullable=False),
    Column(
        "version", Integer, nullable=False, comment="of the calendar's day; the highest is where it stands"
    ),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
