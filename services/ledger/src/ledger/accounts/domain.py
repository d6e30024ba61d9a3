"""The chart of accounts of an investment firm."""

from enum import StrEnum
from typing import Final

from backoffice_events.contracts.vocabulary import Measurement


class AccountType(StrEnum):
    """Element of the financial statements that an account belongs to (IFRS Conceptual Framework, chapter 4)."""

    ASSET = "ASSET"
    LIABILITY = "LIABILITY"
    EQUITY = "EQUITY"
    INCOME = "INCOME"
    EXPENSE = "EXPENSE"

    @property
    def normal_side(self) -> "NormalSide":
        """Return the side on which accounts of this type grow."""
        debit = self in {AccountType.ASSET, AccountType.EXPENSE}
        return NormalSide.DEBIT if debit else NormalSide.CREDIT


class NormalSide(StrEnum):
    """Side on which an account grows."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


class AccountStatus(StrEnum):
    """Whether an account takes postings."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


CASH: Final = "1100"
RECEIVABLE_UNSETTLED: Final = "1210"
FAILS_TO_DELIVER: Final = "1220"
ACCRUED_INTEREST: Final = "1230"
PAYABLE_UNSETTLED: Final = "2110"
FAILS_TO_RECEIVE: Final = "2120"
TRANSACTION_COSTS: Final = "6110"

INVESTMENTS: Final = {
    Measurement.FVTPL: "1310",
    Measurement.FVOCI: "1320",
    Measurement.AMORTISED_COST: "1330",
}

UNSETTLED: Final = (RECEIVABLE_UNSETTLED, PAYABLE_UNSETTLED)
FAILS: Final = (FAILS_TO_DELIVER, FAILS_TO_RECEIVE)
