"""A trade's whole story across services, in the order of time: what one needs to understand a break."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from backoffice_cli.auditor.evidence.databases import Row
from backoffice_cli.auditor.evidence.topics import Logged
from backoffice_cli.auditor.picture import Picture

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WORD = re.compile(r"[^\s,()]+")
_MOST_LINES = 200


class _Entry(NamedTuple):
    at: datetime
    text: str


def timeline(picture: Picture, key: str) -> list[str]:
    """Return the story of whatever a break's key names: a trade, an execution, an instruction, or a topic's key."""
    names = _names(picture, key)
    entries = sorted([*_said(picture, names), *_logged(picture, names), *_rows(picture, names)])
    return [f"{at:%Y-%m-%d %H:%M:%S.%f} {text}" for at, text in entries[:_MOST_LINES]]


def _names(picture: Picture, key: str) -> frozenset[str]:
    """Return every name under which topics and tables know what the key is about."""
    words = {word.strip(":") for word in _WORD.findall(key)}
    trades = [
        trade
        for trade in picture.trades.values()
        if trade.trade_id in words
        or ":".join(trade.key) in words
        or any(row["instruction_id"] in words for row in trade.instructions)
    ]
    names = {word for word in words if word in {":".join(each) for each in picture.evidence.keys}}
    for each in _placed(picture, words):
        names |= {name for name in (each.key, each.event_id) if name}
    names |= set(_UUID.findall(key)) | {word for word in words if len(word) == 32 and word.isalnum()}
    for trade in trades:
        names |= {trade.trade_id, ":".join(trade.key)}
        names |= {row["instruction_id"] for row in trade.instructions}
    return frozenset(names)


def _placed(picture: Picture, words: set[str]) -> list[Logged]:
    """Return the records whose places are named, such as csd.advices.v1/3@17."""
    topics = picture.evidence.topics
    named = {topic for topic in topics.names() if any(word.startswith(f"{topic}/") for word in words)}
    records = (each for topic in named for each in topics.of(topic))
    return [each for each in records if f"{each.topic}/{each.partition}@{each.offset}" in words]


def _said(picture: Picture, names: frozenset[str]) -> Iterator[_Entry]:
    records = picture.evidence.records
    for who, said in (
        ("front office", records.front_office),
        ("counterparties", records.counterparties),
        ("csd", records.csd),
    ):
        for each in said:
            if each.key in names or each.event_id in names:
                heard = "acknowledged" if each.acknowledged else "not acknowledged"
                yield _Entry(each.at, f"{who} says {each.event_id} on {each.topic}, {heard}")


def _logged(picture: Picture, names: frozenset[str]) -> Iterator[_Entry]:
    for name in picture.evidence.topics.names():
        for each in picture.evidence.topics.of(name):
            if each.key in names or each.event_id in names:
                yield _Entry(datetime.fromtimestamp(each.time / 1000, UTC), f"topic {each}")


def _rows(picture: Picture, names: frozenset[str]) -> Iterator[_Entry]:
    evidence = picture.evidence
    capture, settlement = evidence.capture, evidence.settlement
    yield from _VERSION.entries(names, capture.versions)
    yield from _REPAIR.entries(names, capture.repairs)
    yield from _OUTCOME.entries(names, capture.outcomes)
    yield from _DECISION.entries(names, evidence.compliance.decisions)
    yield from _HISTORY.entries(names, settlement.history)
    yield from _JOURNAL.entries(names, evidence.ledger.journals)
    ids = {each.inbox_id: each for topic in evidence.topics.names() for each in evidence.topics.of(topic)}
    for service, messaging in evidence.messaging.items():
        for row in messaging.inbox:
            event = ids.get(row["event_id"])
            if event is not None and event.key in names:
                yield _Entry(row["received_at"], f"{service} inbox: {row['consumer']} took {event.event_id}")
        yield from _LETTER.entries(names, messaging.dead_letters)
        yield from _PARKED.entries(names, messaging.parked)
        yield from _OUTBOX.entries(names, messaging.outbox)


@dataclass(frozen=True, slots=True)
class _Table:
    """How the rows of a table are told: by which key they belong to a story, when they were written, what they say."""

    title: str
    key: str
    at: str
    columns: tuple[str, ...]

    def entries(self, names: frozenset[str], rows: Iterable[Row]) -> Iterator[_Entry]:
        """Yield the rows that belong to the story."""
        for row in rows:
            if row[self.key] in names:
                told = ((column, row[column]) for column in self.columns)
                text = " ".join(f"{column}={_shown(value)}" for column, value in told if value is not None)
                yield _Entry(row[self.at], f"{self.title}: {text}")


_PLACE = ("consumer", "topic", "partition", "record_offset")
_VERSION = _Table(
    "trade-capture version", "trade_id", "recorded_at", ("version", "source_version", "change", "event_id")
)
_REPAIR = _Table("trade-capture repair", "event_id", "received_at", ("status", "source_version", "reasons"))
_OUTCOME = _Table(
    "trade-capture confirmation",
    "trade_id",
    "recorded_at",
    ("trade_version", "status", "confirmation_version"),
)
_DECISION = _Table(
    "compliance decision",
    "trade_id",
    "decided_at",
    ("trade_version", "decision_version", "status", "reasons"),
)
_HISTORY = _Table(
    "settlement history", "trade_id", "recorded_at", ("kind", "instruction_id", "event_id", "details")
)
_JOURNAL = _Table(
    "ledger journal",
    "trade_id",
    "recorded_at",
    ("kind", "trade_version", "journal_id", "source_event_id", "reverses_journal_id"),
)
_LETTER = _Table("dead letter", "key", "failed_at", (*_PLACE, "status", "reason"))
_PARKED = _Table("parked", "key", "parked_at", _PLACE)
_OUTBOX = _Table("outbox", "aggregateid", "created_at", ("seq", "id", "type"))


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
