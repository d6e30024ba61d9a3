"""The conversation with the CSD: every message answered, and every instruction what the trade is."""

from backoffice_cli.auditor.documents import Instructed, instructed
from backoffice_cli.auditor.picture import Picture
from backoffice_cli.auditor.report import Statement
from backoffice_events.contracts.csd import (
    CSD_ADVICES,
    CSD_INSTRUCTIONS,
    CsdCancellationAdvised,
    CsdCancellationRequested,
    CsdInstructionSent,
)
from backoffice_events.contracts.vocabulary import Side
from backoffice_events.iso20022 import InvalidDocumentError


def every_message_is_answered(picture: Picture) -> Statement:
    """Find the CSD's answer to each instruction and each request to cancel one."""
    statement = Statement("the CSD answered every instruction and every request to cancel one")
    topics = picture.evidence.topics
    advised: set[str] = set()
    denied_or_cancelled: set[str] = set()
    for each in topics.events(CSD_ADVICES.name):
        (denied_or_cancelled if isinstance(each.event, CsdCancellationAdvised) else advised).add(each.key)
    owners = {row["instruction_id"]: row["trade_id"] for row in picture.evidence.settlement.instructions}
    for each in topics.events(CSD_INSTRUCTIONS.name):
        if each.key not in owners:
            continue
        key = f"{picture.names(owners[each.key])} {each}"
        if isinstance(each.event, CsdInstructionSent):
            answered = each.key in advised or each.key in denied_or_cancelled
            statement.expect(f"{key}, answered", True, answered)
        elif isinstance(each.event, CsdCancellationRequested):
            statement.expect(f"{key}, answered", True, each.key in denied_or_cancelled)
    return statement


def documents_state_the_trade(picture: Picture) -> Statement:
    """Read each sese.023 and hold it against the terms of the version that it settles."""
    statement = Statement("every sese.023 states the terms of the trade version that it settles")
    rows = {row["instruction_id"]: row for row in picture.evidence.settlement.instructions}
    for each in picture.evidence.topics.events(CSD_INSTRUCTIONS.name):
        row = rows.get(each.key)
        if row is None or not isinstance(each.event, CsdInstructionSent):
            continue
        terms = picture.trades[row["trade_id"]].terms.get(row["trade_version"])
        if terms is not None:
            expected = Instructed(
                trade_id=row["trade_id"],
                receives=terms.side == Side.BUY,
                isin=terms.isin,
                currency=terms.currency,
                quantity=terms.quantity,
                amount=terms.net,
                settlement_date=terms.settlement_date,
            )
            statement.expect(f"{picture.names(row['trade_id'])} {each}", expected, _read(each.event))
    return statement


def _read(event: CsdInstructionSent) -> Instructed | str:
    try:
        return instructed(event.document)
    except InvalidDocumentError as error:
        return str(error)


STATEMENTS = (every_message_is_answered, documents_state_the_trade)
