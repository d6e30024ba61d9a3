"""The conversation with the central securities depository: ISO 20022 documents, keyed by our transaction id."""

from backoffice_events.contracts.base import Topic, XmlEvent, event

CSD_INSTRUCTIONS = Topic("csd.instructions.v1", owner="settlement")
CSD_ADVICES = Topic("csd.advices.v1", owner="csd")


@event("backoffice.csd.instruction-sent.v1", CSD_INSTRUCTIONS, key="message_id")
class CsdInstructionSent(XmlEvent, frozen=True, kw_only=True):
    """sese.023.001.11 SecuritiesSettlementTransactionInstruction, ours to the CSD."""


@event("backoffice.csd.cancellation-requested.v1", CSD_INSTRUCTIONS, key="message_id")
class CsdCancellationRequested(XmlEvent, frozen=True, kw_only=True):
    """sese.020.001.07 SecuritiesTransactionCancellationRequest, ours to the CSD."""


@event("backoffice.csd.status-advised.v1", CSD_ADVICES, key="message_id")
class CsdStatusAdvised(XmlEvent, frozen=True, kw_only=True):
    """sese.024.001.12 SecuritiesSettlementTransactionStatusAdvice, the CSD's to us."""


@event("backoffice.csd.settlement-confirmed.v1", CSD_ADVICES, key="message_id")
class CsdSettlementConfirmed(XmlEvent, frozen=True, kw_only=True):
    """sese.025.001.11 SecuritiesSettlementTransactionConfirmation, the CSD's to us."""


@event("backoffice.csd.cancellation-advised.v1", CSD_ADVICES, key="message_id")
class CsdCancellationAdvised(XmlEvent, frozen=True, kw_only=True):
    """sese.027.001.07 SecuritiesTransactionCancellationRequestStatusAdvice, the CSD's to us."""
