"""Between the outsiders and the topics: the broker lost nothing, and nobody made anything up."""

from collections.abc import Collection

from backoffice_cli.auditor.evidence.records import Said
from backoffice_cli.auditor.evidence.topics import DEAD_LETTERS, Logged
from backoffice_cli.auditor.picture import Picture
from backoffice_cli.auditor.report import Statement
from backoffice_events.contracts import all_contracts
from backoffice_events.contracts.counterparty import COUNTERPARTY_CONFIRMATIONS
from backoffice_events.contracts.csd import CSD_ADVICES
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES


def acknowledged_are_there(picture: Picture) -> Statement:
    """Look for everything that the broker acknowledged to an outsider."""
    statement = Statement(
        "every event that the broker acknowledged to front office, counterparties or CSD is on its topic"
    )
    records, topics = picture.evidence.records, picture.evidence.topics
    there = {
        name: {(each.event_id, each.value or b"") for each in topics.of(name)} for name in topics.names()
    }
    for said in (*records.front_office, *records.counterparties, *records.csd):
        if said.acknowledged:
            found = (said.event_id, said.value) in there.get(said.topic, ())
            statement.expect(f"{said.topic} {said.key} event {said.event_id}", "on the topic", _word(found))
    return statement


def nothing_made_up(picture: Picture) -> Statement:
    """Look for records of the run that no outsider meant to send."""
    statement = Statement("nothing is on the outsiders' topics that they did not mean to send")
    records, topics = picture.evidence.records, picture.evidence.topics
    meant = {_word_of(said) for said in records.front_office}
    ours = {":".join(key) for key in picture.evidence.keys}
    instructed = {row["instruction_id"] for row in picture.evidence.settlement.instructions}
    _compare(statement, topics.of(FRONTOFFICE_TRADES.name), meant, ours)
    if records.counterparties:
        said = meant | {_word_of(each) for each in records.counterparties}
        _compare(statement, topics.of(COUNTERPARTY_CONFIRMATIONS.name), said, ours)
    if records.csd:
        said = meant | {_word_of(each) for each in records.csd}
        _compare(statement, topics.of(CSD_ADVICES.name), said, instructed)
    return statement


def types_belong(picture: Picture) -> Statement:
    """Hold each event's type against what its topic may carry."""
    statement = Statement(
        "no topic carries an event type that its contract does not allow, but what outsiders sent"
    )
    allowed = {(contract.topic.name, contract.event_type) for contract in all_contracts()}
    sent = {_word_of(said) for said in picture.evidence.records.front_office}
    for topic in picture.evidence.topics.names():
        if topic.endswith(DEAD_LETTERS):
            continue
        for each in picture.evidence.topics.of(topic):
            if (each.event_id, each.value or b"") not in sent:
                known = (topic, each.event_type) in allowed and each.error is None
                statement.expect(str(each), "an event of the topic's contracts", _event(each, known=known))
    return statement


def _compare(
    statement: Statement,
    logged: list[Logged],
    said: Collection[tuple[str | None, bytes]],
    keys: Collection[str],
) -> None:
    for each in logged:
        if each.key in keys:
            found = (each.event_id, each.value or b"") in said
            statement.expect(
                str(each), "meant by an outsider", "meant by an outsider" if found else "made up"
            )


def _word_of(said: Said) -> tuple[str | None, bytes]:
    return said.event_id, said.value


def _word(found: bool) -> str:
    return "on the topic" if found else "nowhere"


def _event(logged: Logged, *, known: bool) -> str:
    return "an event of the topic's contracts" if known else f"{logged.event_type}: {logged.error}"


STATEMENTS = (acknowledged_are_there, nothing_made_up, types_belong)
