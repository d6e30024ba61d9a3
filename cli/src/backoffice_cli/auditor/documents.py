"""The ISO 20022 documents on the CSD's topics, as far as an audit needs them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from backoffice_events.iso20022 import MessageType, read


@dataclass(frozen=True, slots=True)
class Instructed:
    """A sese.023: what we told the CSD to settle, and for which trade."""

    trade_id: str
    receives: bool
    isin: str
    currency: str
    quantity: Decimal
    amount: Decimal
    settlement_date: date


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A sese.025: what the CSD settled."""

    instruction_id: str
    reference: str
    quantity: Decimal
    amount: Decimal


def instructed(document: bytes) -> Instructed:
    """Understand a sese.023. Raises InvalidDocumentError."""
    message = read(document, MessageType.INSTRUCTION)
    details = message.component("TradDtls")
    amount, currency = message.money("SttlmAmt")
    return Instructed(
        trade_id=details.text("TradId"),
        receives=message.text("SttlmTpAndAddtlParams") == "RECE",
        isin=message.text("FinInstrmId"),
        currency=currency,
        quantity=message.component("QtyAndAcctDtls").number("SttlmQty"),
        amount=amount,
        settlement_date=details.date("SttlmDt"),
    )


def confirmed(document: bytes) -> Confirmed:
    """Understand a sese.025. Raises InvalidDocumentError."""
    message = read(document, MessageType.CONFIRMATION)
    ids = message.component("TxIdDtls")
    amount, _ = message.money("SttldAmt")
    return Confirmed(
        instruction_id=ids.text("AcctOwnrTxId"),
        reference=ids.text("MktInfrstrctrTxId"),
        quantity=message.component("QtyAndAcctDtls").number("SttldQty"),
        amount=amount,
    )
