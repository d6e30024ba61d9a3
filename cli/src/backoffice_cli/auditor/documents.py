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
    unit = message.choice("QtyAndAcctDtls/SttlmQty/Qty")
    amount, currency = message.money("SttlmAmt/Amt")
    return Instructed(
        trade_id=message.text("TradDtls/TradId"),
        receives=message.text("SttlmTpAndAddtlParams/SctiesMvmntTp") == "RECE",
        isin=message.text("FinInstrmId/ISIN"),
        currency=currency,
        quantity=message.number(f"QtyAndAcctDtls/SttlmQty/Qty/{unit}"),
        amount=amount,
        settlement_date=message.date("TradDtls/SttlmDt/Dt/Dt"),
    )


def confirmed(document: bytes) -> Confirmed:
    """Understand a sese.025. Raises InvalidDocumentError."""
    message = read(document, MessageType.CONFIRMATION)
    unit = message.choice("QtyAndAcctDtls/SttldQty/Qty")
    amount, _ = message.money("SttldAmt/Amt")
    return Confirmed(
        instruction_id=message.text("TxIdDtls/AcctOwnrTxId"),
        reference=message.text("TxIdDtls/MktInfrstrctrTxId"),
        quantity=message.number(f"QtyAndAcctDtls/SttldQty/Qty/{unit}"),
        amount=amount,
    )
