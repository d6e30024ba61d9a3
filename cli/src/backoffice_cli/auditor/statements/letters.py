"""What waits and what was refused: outboxes drained, nothing parked for ever, no dead letter without its bytes."""

from collections import Counter

from backoffice_cli.auditor.consumers import CONSUMERS
from backoffice_cli.auditor.evidence.databases import Row
from backoffice_cli.auditor.evidence.topics import DEAD_LETTERS, Logged
from backoffice_cli.auditor.picture import Picture, is_stray
from backoffice_cli.auditor.report import Statement
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES
from backoffice_events.messaging.headers import unpack

_ABOUT = "dlq_"


def outboxes_are_drained(picture: Picture) -> Statement:
    """Look for events that were never sent."""
    statement = Statement("every outbox is drained")
    for service, rows in picture.evidence.messaging.items():
        for row in rows.outbox:
            key = f"{service} {row['aggregatetype']} {row['aggregateid']} event {row['id']} since {row['created_at']}"
            statement.expect(key, "sent", "in the outbox")
        statement.checked += not rows.outbox
    return statement


def parked_events_are_explained(picture: Picture) -> Statement:
    """Find the open dead letter that each parked event waits behind."""
    statement = Statement(
        "nothing is parked for ever: an open dead letter of its key explains each parked event"
    )
    ordered = {each.group for each in CONSUMERS if each.ordered}
    for service, rows in picture.evidence.messaging.items():
        opened = {(row["consumer"], row["key"]) for row in rows.dead_letters if row["status"] == "open"}
        for row in rows.parked:
            explained = row["consumer"] in ordered and (row["consumer"], row["key"]) in opened
            key = f"{service} {row['consumer']} {row['key']} {_place(row)}, open dead letter of its key"
            statement.expect(key, True, explained)
        statement.checked += not rows.parked
    return statement


def no_real_event_is_given_up(picture: Picture) -> Statement:
    """Find what each dead letter that was not redriven is: somebody's garbage, or an event that is lost to the books.

    Reports of the front office have a statement of their own, which knows which of them had to be refused.
    """
    statement = Statement(
        "no event of platform, counterparties or CSD ends as a dead letter: only garbage is discarded or stays open"
    )
    for service, rows in picture.evidence.messaging.items():
        for row in rows.dead_letters:
            if row["topic"] == FRONTOFFICE_TRADES.name or _before_the_run(picture, row):
                continue
            real = row["status"] != "redriven" and not is_stray(row, picture.strays)
            key = f"{service} {row['consumer']} {row['key']} {_place(row)} {row['event_type']} {row['event_id']}"
            found = f"{row['status']}: {row['reason']}" if real else "taken, or garbage"
            statement.expect(key, "taken, or garbage", found)
    return statement


def dead_letters_are_whole(picture: Picture) -> Statement:
    """Compare each dead letter and parked event with the record at its place on the topic."""
    statement = Statement(
        "every dead letter and parked event has the original bytes and headers of its record"
    )
    places = {
        each.place: each
        for name in picture.evidence.topics.names()
        for each in picture.evidence.topics.of(name)
    }
    for service, rows in picture.evidence.messaging.items():
        for row in (*rows.dead_letters, *rows.parked):
            record = places.get((row["topic"], row["partition"], row["record_offset"]))
            if record is not None or not _before_the_run(picture, row):
                found = (row["record_key"], row["value"], tuple(unpack(row["headers"])))
                key = f"{service} {row['consumer']} {row['key']} {_place(row)}"
                statement.expect(key, _original(record), found)
    return statement


def _before_the_run(picture: Picture, row: Row) -> bool:
    start = picture.evidence.records.starts.topics.get(row["topic"], {}).get(row["partition"], 0)
    return bool(row["record_offset"] < start)


def _original(record: Logged | None) -> object:
    if record is None:
        return "a record at that place"
    return record.raw_key, record.value, tuple(record.headers)


def dead_letters_are_copied(picture: Picture) -> Statement:
    """Find the copy of each dead letter on its topic, and the row of each copy."""
    statement = Statement("every dead letter stands once in the table and on its topic, with the same bytes")
    rows = {
        row["id"]: row
        for messaging in picture.evidence.messaging.values()
        for row in messaging.dead_letters
        if not _before_the_run(picture, row)
    }
    copies = [
        each
        for name in picture.evidence.topics.names()
        if name.endswith(DEAD_LETTERS)
        for each in picture.evidence.topics.of(name)
    ]
    ids = Counter(_header(each, "dlq_id") for each in {each.inbox_id: each for each in copies}.values())
    for letter_id, row in rows.items():
        key = f"{row['consumer']} {row['key']} {_place(row)} dead letter {letter_id}"
        statement.expect(f"{key}, on its topic", True, letter_id in ids)
    for each in copies:
        letter = rows.get(_header(each, "dlq_id") or "")
        if letter is None:
            statement.expect(str(each), "a dead letter in the table", "none")
            continue
        headers = tuple((name, value) for name, value in each.headers if not name.startswith(_ABOUT))
        truncated = _header(each, "dlq_truncated") is not None
        value = letter["value"][: len(each.value or b"")] if truncated else letter["value"]
        expected = (value, tuple(unpack(letter["headers"])))
        statement.expect(f"{letter['consumer']} {letter['key']} {each}", expected, (each.value, headers))
    return statement


def _header(logged: Logged, name: str) -> str | None:
    return next((value.decode() for header, value in logged.headers if header == name), None)


def _place(row: Row) -> str:
    return f"{row['topic']}/{row['partition']}@{row['record_offset']}"


STATEMENTS = (
    outboxes_are_drained,
    parked_events_are_explained,
    no_real_event_is_given_up,
    dead_letters_are_whole,
    dead_letters_are_copied,
)
