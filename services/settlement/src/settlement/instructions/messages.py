"""sese.023 and sese.020 as we send them. What leaves has passed its usage guideline."""

from decimal import Decimal
from functools import cache
from typing import Final

from backoffice_events.contracts.trading import Trade
from backoffice_events.contracts.vocabulary import InstrumentType, Side
from backoffice_events.iso20022 import Form, MessageType
from settlement.instructions.domain import Instruction

_OUR_PARTIES: Final = (
    "<Dpstry><Id><AnyBIC>{place}</AnyBIC></Id></Dpstry>"
    "<Pty1><Id><AnyBIC>{our_agent}</AnyBIC></Id><LEI>{our_lei}</LEI>"
    "<SfkpgAcct><Id>{our_account}</Id></SfkpgAcct></Pty1>"
)
_THEIR_PARTIES: Final = (
    "<Dpstry><Id><AnyBIC>{place}</AnyBIC></Id></Dpstry>"
    "<Pty1><Id><AnyBIC>{their_agent}</AnyBIC></Id><SfkpgAcct><Id>{their_account}</Id></SfkpgAcct></Pty1>"
    "<Pty2><Id><AnyBIC>{their_bic}</AnyBIC></Id><LEI>{their_lei}</LEI></Pty2>"
)
CANCELLED_BY_YOURSELF: Final = "CANI"
"""CancelledStatusReason16Code: the account owner itself cancels."""


def instruction_document(instruction_id: str, trade: Trade) -> bytes:
    """Return the sese.023 that settles a trade, receive or deliver against payment.

    Raises InvalidDocumentError when the trade's terms do not fit into the message.
    """
    parties = trade.settlement_parties
    return _instruction(trade.side, trade.instrument_type).filled(
        {
            "instruction_id": instruction_id,
            "trade_id": trade.trade_id,
            "trade_date": trade.trade_date.isoformat(),
            "settlement_date": trade.settlement_date.isoformat(),
            "isin": trade.isin,
            "quantity": plain(trade.quantity),
            "currency": trade.currency,
            "amount": plain(trade.net_amount),
            "our_lei": trade.entity_lei,
            "their_lei": trade.counterparty_lei,
            "place": parties.place_of_settlement,
            "our_agent": parties.agent_bic,
            "our_account": parties.safekeeping_account,
            "cash_account": parties.cash_account,
            "their_bic": parties.counterparty_bic,
            "their_agent": parties.counterparty_agent_bic,
            "their_account": parties.counterparty_account,
        }
    )


@cache
def _instruction(side: Side, instrument_type: InstrumentType) -> Form:
    receive = side is Side.BUY
    unit = "FaceAmt" if instrument_type is InstrumentType.BOND else "Unit"
    blank = (
        f'<Document xmlns="{MessageType.INSTRUCTION.namespace}"><SctiesSttlmTxInstr>'
        "<TxId>{instruction_id}</TxId>"
        f"<SttlmTpAndAddtlParams><SctiesMvmntTp>{'RECE' if receive else 'DELI'}</SctiesMvmntTp><Pmt>APMT</Pmt>"
        "</SttlmTpAndAddtlParams>"
        "<TradDtls><TradId>{trade_id}</TradId><TradDt><Dt><Dt>{trade_date}</Dt></Dt></TradDt>"
        "<SttlmDt><Dt><Dt>{settlement_date}</Dt></Dt></SttlmDt></TradDtls>"
        "<FinInstrmId><ISIN>{isin}</ISIN></FinInstrmId>"
        f"<QtyAndAcctDtls><SttlmQty><Qty><{unit}>{{quantity}}</{unit}></Qty></SttlmQty>"
        "<SfkpgAcct><Id>{our_account}</Id></SfkpgAcct>"
        "<CshAcct><Prtry>{cash_account}</Prtry></CshAcct></QtyAndAcctDtls>"
        "<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp><PrtlSttlmInd>PART</PrtlSttlmInd></SttlmParams>"
        f"<DlvrgSttlmPties>{_THEIR_PARTIES if receive else _OUR_PARTIES}</DlvrgSttlmPties>"
        f"<RcvgSttlmPties>{_OUR_PARTIES if receive else _THEIR_PARTIES}</RcvgSttlmPties>"
        '<SttlmAmt><Amt Ccy="{currency}">{amount}</Amt>'
        f"<CdtDbtInd>{'DBIT' if receive else 'CRDT'}</CdtDbtInd></SttlmAmt>"
        "</SctiesSttlmTxInstr></Document>"
    )
    return Form(blank, MessageType.INSTRUCTION)


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
