"""sese.024, sese.025 and sese.027, from documents to what they mean. Each raises InvalidDocumentError."""

from decimal import Decimal

from backoffice_events.iso20022 import Message, MessageType, read
from settlement.advices.domain import CancellationAdvice, Confirmation, Status, StatusAdvice

_PROCESSING = {
    "AckdAccptd": "PACK",
    "PdgPrcg": "PPRC",
    "Rjctd": "REJT",
    "Rpr": "REPR",
    "Canc": "CAND",
    "PdgCxl": "CANP",
}
_MATCHING = {"Mtchd": "MACH", "Umtchd": "NMAT"}
_SETTLEMENT = {"Pdg": "PEND", "Flng": "PENF"}
_CANCELLATION = {"AckdAccptd": "PACK", "PdgCxl": "CANP", "Canc": "CAND", "Dnd": "DEND", "Rjctd": "REJT"}


def read_status_advice(document: bytes) -> StatusAdvice:
    """Understand a sese.024."""
    message = read(document, MessageType.STATUS_ADVICE)
    return StatusAdvice(
        instruction_id=message.text("TxId/AcctOwnrTxId"),
        processing=_status(message, "PrcgSts", _PROCESSING),
        matching=_status(message, "MtchgSts", _MATCHING),
        settlement=_status(message, "SttlmSts", _SETTLEMENT),
    )


def read_cancellation_advice(document: bytes) -> CancellationAdvice:
    """Understand a sese.027."""
    message = read(document, MessageType.CANCELLATION_ADVICE)
    status = _status(message, "PrcgSts", _CANCELLATION)
    assert status is not None, "the guideline requires it"  # noqa: S101 - for the type checker
    return CancellationAdvice(message.text("CxlReqRef"), status)


def read_confirmation(document: bytes) -> Confirmation:
    """Understand a sese.025."""
    message = read(document, MessageType.CONFIRMATION)
    quantity, unit = "QtyAndAcctDtls/SttldQty/Qty", message.choice("QtyAndAcctDtls/SttldQty/Qty")
    amount, currency = message.money("SttldAmt/Amt")
    return Confirmation(
        instruction_id=message.text("TxIdDtls/AcctOwnrTxId"),
        csd_reference=message.text("TxIdDtls/MktInfrstrctrTxId"),
        movement=message.text("TxIdDtls/SctiesMvmntTp"),
        isin=message.text("FinInstrmId/ISIN"),
        currency=currency,
        in_face_amount=unit == "FaceAmt",
        settled_quantity=message.number(f"{quantity}/{unit}"),
        settled_amount=amount,
        effective_date=message.date("TradDtls/FctvSttlmDt/Dt/Dt"),
        partial=message.text_or_none("AddtlParams/PrtlSttlm"),
        previously_settled_quantity=_chosen_number(message, "QtyAndAcctDtls/PrevslySttldQty"),
        remaining_quantity=_chosen_number(message, "QtyAndAcctDtls/RmngToBeSttldQty"),
        previously_settled_amount=_chosen_number(message, "QtyAndAcctDtls/PrevslySttldAmt"),
        remaining_amount=_chosen_number(message, "QtyAndAcctDtls/RmngToBeSttldAmt"),
    )


def _status(message: Message, path: str, codes: dict[str, str]) -> Status | None:
    chosen = message.choice(path)
    return (
        None if chosen is None else Status(codes[chosen], message.text_or_none(f"{path}/{chosen}/Rsn/Cd/Cd"))
    )


def _chosen_number(message: Message, path: str) -> Decimal | None:
    """Return the number in the first element inside another: the unit of a quantity, the amount of money."""
    chosen = message.choice(path)
    return None if chosen is None else message.number(f"{path}/{chosen}")
