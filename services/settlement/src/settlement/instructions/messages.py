"""sese.023 and sese.020 as we send them. What leaves has passed its usage guideline."""

from decimal import Decimal
from typing import Final
from xml.sax.saxutils import escape

from backoffice_events.contracts.trading import SettlementParties, Trade
from backoffice_events.contracts.vocabulary import InstrumentType, Side
from backoffice_events.iso20022 import MessageType, check
from settlement.instructions.domain import Instruction

CANCELLED_BY_YOURSELF: Final = "CANI"
"""CancelledStatusReason16Code: the account owner itself cancels."""


def instruction_document(instruction_id: str, trade: Trade) -> bytes:
    """Return the sese.023 that settles a trade, receive or deliver against payment.

    Raises InvalidDocumentError when the trade's terms do not fit into the message.
    """
    receive = trade.side is Side.BUY
    parties = trade.settlement_parties
    theirs, ours = _their_parties(parties, trade.counterparty_lei), _our_parties(parties, trade.entity_lei)
    unit = "FaceAmt" if trade.instrument_type is InstrumentType.BOND else "Unit"
    document = (
        f'<Document xmlns="{MessageType.INSTRUCTION.namespace}"><SctiesSttlmTxInstr>'
        f"<TxId>{instruction_id}</TxId>"
        f"<SttlmTpAndAddtlParams><SctiesMvmntTp>{'RECE' if receive else 'DELI'}</SctiesMvmntTp><Pmt>APMT</Pmt>"
        f"</SttlmTpAndAddtlParams>"
        f"<TradDtls><TradId>{trade.trade_id}</TradId><TradDt><Dt><Dt>{trade.trade_date}</Dt></Dt></TradDt>"
        f"<SttlmDt><Dt><Dt>{trade.settlement_date}</Dt></Dt></SttlmDt></TradDtls>"
        f"<FinInstrmId><ISIN>{escape(trade.isin)}</ISIN></FinInstrmId>"
        f"<QtyAndAcctDtls><SttlmQty><Qty><{unit}>{plain(trade.quantity)}</{unit}></Qty></SttlmQty>"
        f"<SfkpgAcct><Id>{escape(parties.safekeeping_account)}</Id></SfkpgAcct>"
        f"<CshAcct><Prtry>{escape(parties.cash_account)}</Prtry></CshAcct></QtyAndAcctDtls>"
        f"<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp><PrtlSttlmInd>PART</PrtlSttlmInd></SttlmParams>"
        f"<DlvrgSttlmPties>{theirs if receive else ours}</DlvrgSttlmPties>"
        f"<RcvgSttlmPties>{ours if receive else theirs}</RcvgSttlmPties>"
        f'<SttlmAmt><Amt Ccy="{escape(trade.currency)}">{plain(trade.net_amount)}</Amt>'
        f"<CdtDbtInd>{'DBIT' if receive else 'CRDT'}</CdtDbtInd></SttlmAmt>"
        f"</SctiesSttlmTxInstr></Document>"
    ).encode()
    check(document, MessageType.INSTRUCTION)
    return document


def cancellation_document(instruction: Instruction) -> bytes:
    """Return the sese.020 that asks the CSD to cancel what is unsettled of an instruction."""
    movement = "RECE" if instruction.side == Side.BUY else "DELI"
    return (
        f'<Document xmlns="{MessageType.CANCELLATION_REQUEST.namespace}"><SctiesTxCxlReq>'
        f"<AcctOwnrTxId><SctiesSttlmTxId><TxId>{instruction.instruction_id}</TxId>"
        f"<SctiesMvmntTp>{movement}</SctiesMvmntTp><Pmt>APMT</Pmt></SctiesSttlmTxId></AcctOwnrTxId>"
        f"<CxlRsn><Cd><Cd>{CANCELLED_BY_YOURSELF}</Cd></Cd></CxlRsn></SctiesTxCxlReq></Document>"
    ).encode()


def plain(number: Decimal) -> str:
    """Return a number as xs:decimal: no exponent, no trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _our_parties(parties: SettlementParties, lei: str) -> str:
    return (
        f"<Dpstry><Id><AnyBIC>{escape(parties.place_of_settlement)}</AnyBIC></Id></Dpstry>"
        f"<Pty1><Id><AnyBIC>{escape(parties.agent_bic)}</AnyBIC></Id><LEI>{escape(lei)}</LEI>"
        f"<SfkpgAcct><Id>{escape(parties.safekeeping_account)}</Id></SfkpgAcct></Pty1>"
    )


def _their_parties(parties: SettlementParties, lei: str) -> str:
    return (
        f"<Dpstry><Id><AnyBIC>{escape(parties.place_of_settlement)}</AnyBIC></Id></Dpstry>"
        f"<Pty1><Id><AnyBIC>{escape(parties.counterparty_agent_bic)}</AnyBIC></Id>"
        f"<SfkpgAcct><Id>{escape(parties.counterparty_account)}</Id></SfkpgAcct></Pty1>"
        f"<Pty2><Id><AnyBIC>{escape(parties.counterparty_bic)}</AnyBIC></Id><LEI>{escape(lei)}</LEI></Pty2>"
    )
