"""The CSD's side of the conversation: sese.023 and sese.020 read, sese.024, sese.025 and sese.027 written."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from backoffice_events.iso20022 import MessageType, read
from simulators.csd.behaviour import Instruction

_NO_REASON = "<NoSpcfdRsn>NORE</NoSpcfdRsn>"


def read_instruction(document: bytes) -> Instruction:
    """Understand a sese.023. Raises InvalidDocumentError."""
    message = read(document, MessageType.INSTRUCTION)
    quantities = message.component("QtyAndAcctDtls")
    amount, currency = message.money("SttlmAmt")
    return Instruction(
        instruction_id=message.text("TxId"),
        movement=message.text("SttlmTpAndAddtlParams"),
        isin=message.text("FinInstrmId"),
        unit=quantities.unit("SttlmQty"),
        quantity=quantities.number("SttlmQty"),
        amount=amount,
        currency=currency,
        settlement_date=message.component("TradDtls").date("SttlmDt"),
        place=message.component("RcvgSttlmPties").text("Dpstry"),
    )


def read_cancellation_request(document: bytes) -> tuple[str, str]:
    """Understand a sese.020: return the transaction id and the movement. Raises InvalidDocumentError."""
    message = read(document, MessageType.CANCELLATION_REQUEST)
    ids = message.component("AcctOwnrTxId").component("SctiesSttlmTxId")
    return ids.text("TxId"), ids.text("SctiesMvmntTp")


def status_advice(instruction_id: str, blocks: str) -> bytes:
    """Return a sese.024 with these status blocks."""
    return (
        f'<Document xmlns="{MessageType.STATUS_ADVICE.namespace}"><SctiesSttlmTxStsAdvc>'
        f"<TxId><AcctOwnrTxId>{instruction_id}</AcctOwnrTxId></TxId>{blocks}</SctiesSttlmTxStsAdvc></Document>"
    ).encode()


def processing(status: str, reason: str | None = None) -> str:
    """Return a PrcgSts block: AckdAccptd, PdgPrcg, Rjctd or Canc."""
    return f"<PrcgSts><{status}>{_reason(reason)}</{status}></PrcgSts>"


def unmatched(reason: str) -> str:
    """Return a MtchgSts block that says why there is no match."""
    return f"<MtchgSts><Umtchd>{_reason(reason)}</Umtchd></MtchgSts>"


MATCHED = "<MtchgSts><Mtchd/></MtchgSts>"


def unsettled(status: str, reason: str) -> str:
    """Return a SttlmSts block: Pdg or Flng."""
    return f"<SttlmSts><{status}>{_reason(reason)}</{status}></SttlmSts>"


def _reason(code: str | None) -> str:
    return f"<Rsn><Cd><Cd>{code}</Cd></Cd></Rsn>" if code else _NO_REASON


def confirmation(
    instruction: Instruction,
    *,
    references: Sequence[str],
    quantity: Decimal,
    amount: Decimal,
    before: tuple[Decimal, Decimal],
    effective_date: date,
) -> bytes:
    """Return a sese.025. references: of this settlement and of the parts before it, oldest first.

    before: quantity and amount that had settled before this.
    """
    unit, direction = instruction.unit, "DBIT" if instruction.movement == "RECE" else "CRDT"
    rest, unpaid = instruction.quantity - before[0] - quantity, instruction.amount - before[1] - amount
    partial = rest > 0 or len(references) > 1
    params = totals = ""
    if partial:
        former = f"<PrvsPrtlConfId>{references[-2]}</PrvsPrtlConfId>" if len(references) > 1 else ""
        params = f"<AddtlParams><PrtlSttlm>{'PAIN' if rest else 'PARC'}</PrtlSttlm>{former}</AddtlParams>"
        totals = (
            f"<PrevslySttldQty><{unit}>{before[0]:f}</{unit}></PrevslySttldQty>"
            f"<RmngToBeSttldQty><{unit}>{rest:f}</{unit}></RmngToBeSttldQty>"
            f"<PrevslySttldAmt>{_money(before[1], instruction.currency, direction)}</PrevslySttldAmt>"
            f"<RmngToBeSttldAmt>{_money(unpaid, instruction.currency, direction)}</RmngToBeSttldAmt>"
        )
    return (
        f'<Document xmlns="{MessageType.CONFIRMATION.namespace}"><SctiesSttlmTxConf>'
        f"<TxIdDtls><AcctOwnrTxId>{instruction.instruction_id}</AcctOwnrTxId>"
        f"<MktInfrstrctrTxId>{references[-1]}</MktInfrstrctrTxId>"
        f"<SctiesMvmntTp>{instruction.movement}</SctiesMvmntTp><Pmt>APMT</Pmt></TxIdDtls>{params}"
        f"<TradDtls><SttlmDt><Dt><Dt>{instruction.settlement_date}</Dt></Dt></SttlmDt>"
        f"<FctvSttlmDt><Dt><Dt>{effective_date}</Dt></Dt></FctvSttlmDt></TradDtls>"
        f"<FinInstrmId><ISIN>{instruction.isin}</ISIN></FinInstrmId>"
        f"<QtyAndAcctDtls><SttldQty><Qty><{unit}>{quantity:f}</{unit}></Qty></SttldQty>{totals}</QtyAndAcctDtls>"
        f"<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams>"
        f"<SttldAmt>{_money(amount, instruction.currency, direction)}</SttldAmt>"
        f"</SctiesSttlmTxConf></Document>"
    ).encode()


def _money(amount: Decimal, currency: str, direction: str) -> str:
    return f'<Amt Ccy="{currency}">{amount:f}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'


def cancellation_advice(instruction_id: str, movement: str, status: str, reason: str) -> bytes:
    """Return a sese.027. status: Canc, Dnd or Rjctd."""
    return (
        f'<Document xmlns="{MessageType.CANCELLATION_ADVICE.namespace}"><SctiesTxCxlReqStsAdvc>'
        f"<CxlReqRef>{instruction_id}</CxlReqRef><TxId><AcctOwnrTxId><SctiesSttlmTxId><TxId>{instruction_id}</TxId>"
        f"<SctiesMvmntTp>{movement}</SctiesMvmntTp><Pmt>APMT</Pmt></SctiesSttlmTxId></AcctOwnrTxId></TxId>"
        f"<PrcgSts><{status}>{_reason(reason)}</{status}></PrcgSts></SctiesTxCxlReqStsAdvc></Document>"
    ).encode()
