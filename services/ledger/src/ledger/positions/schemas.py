"""Positions as they are served."""

from pydantic import BaseModel, Field

from backoffice_chassis.http.vocabulary import Figure


class Position(BaseModel):
    """A book's holding of an instrument, in units (face amount for a bond); what was sold short is negative.

    trade_date_quantity = settled_quantity + unsettled_quantity + failing_quantity.
    """

    book: str
    isin: str
    trade_date_quantity: Figure = Field(description="All that was traded.")
    settled_quantity: Figure = Field(description="What the CSD confirmed.")
    unsettled_quantity: Figure = Field(description="Traded, not settled, and not failing.")
    failing_quantity: Figure = Field(description="Not settled on its intended settlement date.")
