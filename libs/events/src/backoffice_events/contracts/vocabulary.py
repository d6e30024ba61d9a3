"""Words that several contracts share, spelt as the field's standards spell them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(max_length=140)]
"""An identifier, a code, a short text: ISO 20022's Max140Text."""

LongText = Annotated[str, msgspec.Meta(max_length=2000)]
"""A name or a reason in plain words."""

Int = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
"""A whole number that a database's integer column holds; what it may be beyond that is its field's business."""

Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment; without a time zone it is none."""


class Side(StrEnum):
    """Side of a trade (FIX tag 54), always from the sender's point of view."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """Return the other party's side of the same trade."""
        return Side.SELL if self is Side.BUY else Side.BUY


class InstrumentType(StrEnum):
    """What an instrument is, as far as settlement, licences and bookkeeping differ."""

    EQUITY = "EQUITY"
    ETF = "ETF"
    BOND = "BOND"


class ChargeType(StrEnum):
    """Kind of a charge on top of the gross amount."""

    COMMISSION = "COMMISSION"
    EXCHANGE_FEE = "EXCHANGE_FEE"
    STAMP_DUTY = "STAMP_DUTY"
    OTHER = "OTHER"


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One charge. amount: never negative, in the trade's currency; a buyer pays it on top, a seller receives less."""

    type: ChargeType
    amount: Decimal


class Measurement(StrEnum):
    """How a book measures its investments (IFRS 9 4.1): it decides whether commission goes into cost or expense."""

    FVTPL = "FVTPL"
    FVOCI = "FVOCI"
    AMORTISED_COST = "AMORTISED_COST"
