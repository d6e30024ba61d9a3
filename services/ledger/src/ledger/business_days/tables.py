"""The firm's day on each settlement calendar, as far as postings are concerned."""

from typing import Final

from sqlalchemy import Column, Date, Integer, Table, Text

from ledger.metadata import metadata

posting_calendar: Final = Table(
    "posting_calendar",
    metadata,
    Column("calendar", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("business_date", Date),
    Column("status", Text),
    Column(
        "closed_through", Date, nullable=False, comment="nothing is posted up to this day; never goes back"
    ),
)
