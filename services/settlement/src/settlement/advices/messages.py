"""sese.024, sese.025 and sese.027, from documents to what they mean. Each raises InvalidDocumentError."""

from backoffice_events.iso20022 import Component, InvalidDocumentError, MessageType, read
from settlement.advices.domain import CancellationAdvice, Cash, Confirmation, Status, StatusAdvice

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
        instruction_id=message.text("TxId"),
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
    ids, quantities = message.component("TxIdDtls"), message.component("QtyAndAcctDtls")
    dates, settled = message.component("TradDtls"), _cash(message, "SttldAmt")
    return Confirmation(
        instruction_id=ids.text("AcctOwnrTxId"),
        csd_reference=ids.text("MktInfrstrctrTxId"),
        movement=ids.text("SctiesMvmntTp"),
        isin=message.text("FinInstrmId"),
        currency=settled.currency,
        direction=settled.direction,
        in_face_amount=_measured(quantities) == "FaceAmt",
        settled_quantity=quantities.number("SttldQty"),
        settled_amount=settled.amount,
        effective_date=dates.date("FctvSttlmDt"),
        settlement_date=dates.date("SttlmDt") if dates.choice("SttlmDt") else None,
        partial=message.component("AddtlParams").text_or_none("PrtlSttlm"),
        previously_settled_quantity=quantities.number_or_none("PrevslySttldQty"),
        remaining_quantity=quantities.number_or_none("RmngToBeSttldQty"),
        previously_settled_amount=_cash_or_none(quantities, "PrevslySttldAmt"),
        remaining_amount=_cash_or_none(quantities, "RmngToBeSttldAmt"),
    )


def _measured(quantities: Component) -> str:
    """Return whether quantities are in units or in face amount, all alike."""
    unit = quantities.unit("SttldQty")
    for total in ("PrevslySttldQty", "RmngToBeSttldQty"):
        if (other := quantities.choice(total)) not in (None, unit):
            raise InvalidDocumentError(f"SttldQty is given as {unit}, {total} as {other}")
    return unit


def _cash(within: Component, name: str) -> Cash:
    amount, currency = within.money(name)
    return Cash(amount, currency, within.component(name).text("CdtDbtInd"))


def _cash_or_none(within: Component, name: str) -> Cash | None:
    return None if within.choice(name) is None else _cash(within, name)


def _status(message: Component, name: str, codes: dict[str, str]) -> Status | None:
    """Return a status with its reason, which is a code, or that there is none (`NoSpcfdRsn`)."""
    chosen = message.choice(name)
    if chosen is None:
        return None
    return Status(codes[chosen], message.text(name) if message.unit(name) == "Cd" else None)
