"""Front-office events as JSON lines: one CloudEvent in JSON format on each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from backoffice_events.contracts import Event, all_contracts
from backoffice_events.ids import new_id
from backoffice_events.records import Record

FRONT_OFFICE = "frontoffice."


class Envelope(msgspec.Struct, frozen=True):
    """A CloudEvent as far as a publisher states it. id: the former one when this is a resend."""

    type: str
    data: msgspec.Raw
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no event that may be published. line: its number, from 1. reason: what is wrong with it."""

    line: int
    reason: str


ToRecord = Callable[[Event, str], Record]
_contracts = {c.event_type: c for c in all_contracts() if c.topic.name.startswith(FRONT_OFFICE)}


def records(lines: Iterable[bytes], to_record: ToRecord) -> Iterator[Record | Refused]:
    """Turn each line into the record to be sent, or say why it is refused. Empty lines are skipped.

    to_record: event and event id -> record; ValueError from it refuses the line.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                envelope = msgspec.json.decode(line, type=Envelope)
                yield to_record(_event(envelope), envelope.id or new_id())
            except (ValueError, RecursionError) as error:
                yield Refused(number, str(error))


def _event(envelope: Envelope) -> Event:
    contract = _contracts.get(envelope.type)
    if contract is None:
        raise ValueError(f"type {envelope.type[:140]!r} is none of: {', '.join(sorted(_contracts))}")
    event = msgspec.json.decode(envelope.data, type=contract)
    known = {field.encode_name for field in msgspec.structs.fields(contract)}
    unknown = sorted(set(msgspec.json.decode(envelope.data)) - known)
    if unknown:
        raise ValueError(f"unknown field {', '.join(unknown)[:140]}")
    return event
