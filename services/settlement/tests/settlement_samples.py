"""Trades, facts and CSD advices that the tests of settlement are written with."""

from datetime import UTC, date, datetime
from decimal import Decimal

from backoffice_events.contracts.compliance import TradeBlocked, TradeCleared, TradeHeld
from backoffice_events.contracts.csd import CsdCancellationAdvised, CsdSettlementConfirmed, CsdStatusAdvised
from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened, BusinessDayStatus
from backoffice_events.contracts.trading import (
    SettlementParties,
    Trade,
    TradeAmended,
    TradeCancelled,
    TradeCaptured,
    TradeConfirmed,
    TradeMismatched,
)
from backoffice_events.contracts.vocabulary import Charge, ChargeType, InstrumentType, Measurement, Side
from backoffice_events.ids import new_id

TRADE_DATE = date(2024, 6, 3)
SETTLEMENT_DATE = date(2024, 6, 4)
ISIN = "US0378331005"
PARTIES = SettlementParties(
    place_of_settlement="DTCYUS33XXX",
    agent_bic="IRVTUS3NXXX",
    safekeeping_account="SAFE-001",
    cash_account="CASH-001",
    counterparty_bic="GSCCUS33XXX",
    counterparty_agent_bic="CHASUS33XXX",
    counterparty_account="CP-4711",
)


def trade(trade_id: str | None = None, **changes: object) -> Trade:
    terms: dict[str, object] = {
        "trade_id": trade_id or new_id(),
        "version": 1,
        "source_system": "EQ-OMS",
        "trade_reference": "T-1",
        "source_version": 1,
        "side": Side.BUY,
        "isin": ISIN,
        "instrument_type": InstrumentType.EQUITY,
        "mic": "XNAS",
        "quantity": Decimal(100),
        "price": Decimal("194.03"),
        "currency": "USD",
        "gross_amount": Decimal("19403.00"),
        "charges": (Charge(type=ChargeType.COMMISSION, amount=Decimal("1.50")),),
        "accrued_interest": Decimal(0),
        "net_amount": Decimal("19404.50"),
        "trade_date": TRADE_DATE,
        "executed_at": datetime(2024, 6, 3, 14, 30, tzinfo=UTC),
        "settlement_date": SETTLEMENT_DATE,
        "settlement_calendar": "US",
        "book": "EQ-US",
        "entity_lei": "5493001KJTIIGC8Y1R12",
        "measurement": Measurement.FVTPL,
        "trader": "E-0001",
        "counterparty_lei": "784F5XWPLTWKTBV3E584",
        "counterparty_name": "Goldman Sachs Group",
        "settlement_parties": PARTIES,
    }
    return Trade(**{**terms, **changes})  # type: ignore[arg-type]  # tests vary single terms by name


def captured(one: Trade) -> TradeCaptured:
    return TradeCaptured(trade=one)


def amended(one: Trade) -> TradeAmended:
    return TradeAmended(trade=one)


def cancelled(one: Trade) -> TradeCancelled:
    return TradeCancelled(trade=one, reason="bust")


def confirmed(
    trade_id: str, trade_version: int = 1, confirmation_version: int = 1, reference: str = "C-1"
) -> TradeConfirmed:
    return TradeConfirmed(
        trade_id=trade_id,
        trade_version=trade_version,
        confirmation_reference=reference,
        confirmation_version=confirmation_version,
    )


def mismatched(
    trade_id: str, trade_version: int = 1, confirmation_version: int = 2, reference: str = "C-1"
) -> TradeMismatched:
    return TradeMismatched(
        trade_id=trade_id,
        trade_version=trade_version,
        confirmation_reference=reference,
        confirmation_version=confirmation_version,
        differences=(),
    )


def cleared(trade_id: str, trade_version: int = 1, decision_version: int = 1) -> TradeCleared:
    return TradeCleared(
        trade_id=trade_id,
        trade_version=trade_version,
        decision_id=new_id(),
        decision_version=decision_version,
    )


def held(trade_id: str, trade_version: int = 1, decision_version: int = 2) -> TradeHeld:
    return TradeHeld(
        trade_id=trade_id,
        trade_version=trade_version,
        decision_id=new_id(),
        decision_version=decision_version,
        case_id=new_id(),
        reasons=("RESTRICTED",),
    )


def blocked(trade_id: str, trade_version: int = 1, decision_version: int = 2) -> TradeBlocked:
    return TradeBlocked(
        trade_id=trade_id,
        trade_version=trade_version,
        decision_id=new_id(),
        decision_version=decision_version,
        reasons=("SANCTIONED",),
    )


def opened(business_date: date, version: int = 1, calendar: str = "US") -> BusinessDayOpened:
    return BusinessDayOpened(
        calendar=calendar, business_date=business_date, version=version, status=BusinessDayStatus.OPEN
    )


def closed(business_date: date, version: int = 2, calendar: str = "US") -> BusinessDayClosed:
    return BusinessDayClosed(
        calendar=calendar, business_date=business_date, version=version, status=BusinessDayStatus.CLOSED
    )


def status_advice(instruction_id: str, body: str) -> CsdStatusAdvised:
    """Return a sese.024 with these status blocks."""
    return CsdStatusAdvised(
        message_id=instruction_id,
        document=(
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.024.001.12"><SctiesSttlmTxStsAdvc>'
            f"<TxId><AcctOwnrTxId>{instruction_id}</AcctOwnrTxId></TxId>{body}"
            "</SctiesSttlmTxStsAdvc></Document>"
        ).encode(),
    )


ACCEPTED = "<PrcgSts><AckdAccptd><NoSpcfdRsn>NORE</NoSpcfdRsn></AckdAccptd></PrcgSts>"
MATCHED = "<MtchgSts><Mtchd/></MtchgSts>"
UNMATCHED = "<MtchgSts><Umtchd><Rsn><Cd><Cd>CMIS</Cd></Cd></Rsn></Umtchd></MtchgSts>"
REJECTED = "<PrcgSts><Rjctd><Rsn><Cd><Cd>SAFE</Cd></Cd></Rsn></Rjctd></PrcgSts>"
CANCELLED = "<PrcgSts><Canc><Rsn><Cd><Cd>CANI</Cd></Cd></Rsn></Canc></PrcgSts>"


def pending(reason: str) -> str:
    return f"<SttlmSts><Pdg><Rsn><Cd><Cd>{reason}</Cd></Cd></Rsn></Pdg></SttlmSts>"


def failing(reason: str) -> str:
    return f"<SttlmSts><Flng><Rsn><Cd><Cd>{reason}</Cd></Cd></Rsn></Flng></SttlmSts>"


def confirmation(
    instruction_id: str,
    *,
    reference: str = "CSD-1",
    quantity: str = "100",
    amount: str = "19404.50",
    previously: tuple[str, str] | None = None,
    remaining: tuple[str, str] | None = None,
    partial: str | None = None,
    intended: date | None = None,
    effective: date = SETTLEMENT_DATE,
    movement: str = "RECE",
    direction: str | None = None,
    isin: str = ISIN,
    currency: str = "USD",
    unit: str = "Unit",
) -> CsdSettlementConfirmed:
    """Return a sese.025. previously, remaining: quantity and amount."""
    direction = direction or ("DBIT" if movement == "RECE" else "CRDT")

    def cash(name: str, amount: str) -> str:
        return f'<{name}><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd></{name}>'

    totals = (("PrevslySttld", previously), ("RmngToBeSttld", remaining))
    quantities = [f"<{name}Qty><{unit}>{total[0]}</{unit}></{name}Qty>" for name, total in totals if total]
    amounts = [cash(f"{name}Amt", total[1]) for name, total in totals if total]
    date_intended = f"<SttlmDt><Dt><Dt>{intended}</Dt></Dt></SttlmDt>" if intended else ""
    params = f"<AddtlParams><PrtlSttlm>{partial}</PrtlSttlm></AddtlParams>" if partial else ""
    return CsdSettlementConfirmed(
        message_id=instruction_id,
        document=(
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.025.001.11"><SctiesSttlmTxConf>'
            f"<TxIdDtls><AcctOwnrTxId>{instruction_id}</AcctOwnrTxId>"
            f"<MktInfrstrctrTxId>{reference}</MktInfrstrctrTxId>"
            f"<SctiesMvmntTp>{movement}</SctiesMvmntTp><Pmt>APMT</Pmt></TxIdDtls>{params}"
            f"<TradDtls>{date_intended}<FctvSttlmDt><Dt><Dt>{effective}</Dt></Dt></FctvSttlmDt></TradDtls>"
            f"<FinInstrmId><ISIN>{isin}</ISIN></FinInstrmId>"
            f"<QtyAndAcctDtls><SttldQty><Qty><{unit}>{quantity}</{unit}></Qty></SttldQty>"
            f"{''.join((*quantities, *amounts))}</QtyAndAcctDtls>"
            "<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams>"
            f"{cash('SttldAmt', amount)}</SctiesSttlmTxConf></Document>"
        ).encode(),
    )


def part(
    instruction_id: str,
    quantity: str,
    amount: str,
    *,
    before: tuple[str, str] = ("0", "0"),
    reference: str = "P1",
    effective: date = SETTLEMENT_DATE,
) -> CsdSettlementConfirmed:
    """Return the sese.025 of a part of 100 for 19404.50, with its running totals."""
    whole = (Decimal(100), Decimal("19404.50"))
    left = [
        total - Decimal(was) - Decimal(now)
        for total, was, now in zip(whole, before, (quantity, amount), strict=True)
    ]
    return confirmation(
        instruction_id,
        reference=reference,
        quantity=quantity,
        amount=amount,
        previously=before,
        remaining=(f"{left[0]}", f"{left[1]}"),
        partial="PAIN" if left[0] else "PARC",
        effective=effective,
    )


def cancellation_advice(
    instruction_id: str, status: str = "Canc", reason: str = "CANI"
) -> CsdCancellationAdvised:
    """Return a sese.027."""
    return CsdCancellationAdvised(
        message_id=instruction_id,
        document=(
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.027.001.07"><SctiesTxCxlReqStsAdvc>'
            f"<CxlReqRef>{instruction_id}</CxlReqRef><TxId><AcctOwnrTxId><SctiesSttlmTxId>"
            f"<TxId>{instruction_id}</TxId><SctiesMvmntTp>RECE</SctiesMvmntTp><Pmt>APMT</Pmt></SctiesSttlmTxId>"
            f"</AcctOwnrTxId></TxId><PrcgSts><{status}><Rsn><Cd><Cd>{reason}</Cd></Cd></Rsn></{status}></PrcgSts>"
            "</SctiesTxCxlReqStsAdvc></Document>"
        ).encode(),
    )
