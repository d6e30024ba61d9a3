"""CloudEvents 1.0 in Kafka's binary mode: the value is the event, its attributes are the record's headers."""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, datetime
from functools import cache, lru_cache
from typing import Any, Final, Generic, TypeVar

import msgspec

from backoffice_events.contracts.base import Event, XmlEvent, contract_of
from backoffice_events.json_names import names_check
from backoffice_events.limits import holds_nul, may_hold_odd_number, number_check, odd_numbers_marked
from backoffice_events.records import MAX_VALUE_BYTES, WHOLE_BATCH, Headers, Record

E_co = TypeVar("E_co", bound=Event, covariant=True)

MAX_ATTRIBUTE_CHARACTERS: Final = 255
TRACEPARENT: Final = "traceparent"

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_NAMESPACE: Final = uuid.UUID("6f1b3f0e-3c53-4d6c-9d8e-3a0c6a0f7f52")
_TRACEPARENT: Final = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_CONTENT_TYPE: Final = "content-type"
_STRUCTURED: Final = b"application/cloudevents"
_ALIASES: Final = {"text/xml": "application/xml"}
"""Media types that say the same (RFC 7303 9.2)."""

_SPEC_VERSION: Final = ("ce_specversion", b"1.0")
_encode_json = msgspec.json.Encoder(decimal_format="string").encode


class UndecodableError(Exception):
    """A record is not an event that this release can read. Its text says why, for a person."""


class Received(msgspec.Struct, Generic[E_co], kw_only=True, eq=False):
    """One decoded event as it arrived. `record` holds the original bytes.

    traceparent: what events caused by this one carry on: the sender's, or our own span's when the trace is sampled.
    """

    event: E_co
    event_id: str
    source: str
    event_type: str
    time: datetime
    key: str
    incoming_traceparent: str | None
    traceparent: str | None
    record: Record
    _uuid: str | None = None

    @property
    def uuid(self) -> str:
        """The event's id as a UUID: any other text, unique only for its source, by a hash of both."""
        if self._uuid is None:
            self._uuid = _uuid_of(self.event_id, self.source)
        return self._uuid

    @property
    def topic(self) -> str:
        """The topic that the event came on."""
        return self.record.topic

    @property
    def partition(self) -> int:
        """The partition of that topic."""
        return self.record.partition

    @property
    def offset(self) -> int:
        """The place in that partition."""
        return self.record.offset

    def __repr__(self) -> str:
        return f"Received({self.event_type} {self.event_id} of {self.key})"


def _uuid_of(event_id: str, source: str) -> str:
    if _UUID.fullmatch(event_id):
        return event_id.lower()
    return str(uuid.uuid5(_NAMESPACE, f"{source}\n{event_id}"))


def encode(
    event: Event, *, event_id: str, source: str, time: datetime, traceparent: str | None = None
) -> Record:
    """Return the record that carries an event.

    source: URN of the sender, such as `urn:frontoffice:equities`; with event_id it names the event for ever: a resend
    repeats both. time: when it happened, with a time zone.

    Raises ValueError when a number or the whole is larger than any consumer takes.
    """
    contract = type(event)
    key = event.key().encode()
    value = _value(event)
    content_type, event_type, sender = _standing_headers(contract, source)
    headers = [
        _SPEC_VERSION,
        ("ce_id", event_id.encode()),
        event_type,
        sender,
        ("ce_time", time.isoformat().encode()),
        ("ce_subject", key),
        ("ce_partitionkey", key),
        content_type,
    ]
    if traceparent is not None:
        headers.append((TRACEPARENT, traceparent.encode()))
    return Record(contract.topic.name, key, value, headers)


@lru_cache(maxsize=256)
def _standing_headers(contract: type[Event], source: str) -> tuple[tuple[str, bytes], ...]:
    """Return what is the same in all of a sender's events of one type: content type, type and source."""
    return (
        (_CONTENT_TYPE, contract.content_type.encode()),
        ("ce_type", contract.event_type.encode()),
        ("ce_source", source.encode()),
    )


def _value(event: Event) -> bytes:
    if isinstance(event, XmlEvent):
        value = event.document
    else:
        _number_check(type(event))(event)
        value = _encode_json(event)
    if len(value) > MAX_VALUE_BYTES:
        raise ValueError(f"{event.event_type} of {event.key()}: {len(value)} bytes, over {MAX_VALUE_BYTES}")
    return value


def decode(record: Record) -> Received[Event]:
    """Return the event that a record carries, or raise UndecodableError with the reason."""
    headers = dict(record.headers)
    if len(headers) < len(record.headers):
        _refuse_repeated(record.headers)
    return _decode_as(_contract(headers), headers, record)


def _contract(headers: dict[str, bytes]) -> type[Event]:
    """Return the contract of the type that is stated."""
    stated = headers.get("ce_type")
    if not stated:
        _refuse_other_kinds(headers)
        raise UndecodableError("header ce_type is missing")
    return _contract_named(stated)


# Types and senders are few, events many.
@lru_cache(maxsize=256)
def _contract_named(stated: bytes) -> type[Event]:
    event_type = _text(stated, "ce_type")
    contract = contract_of(event_type)
    if contract is None:
        raise UndecodableError(
            f"unknown event type {event_type}; does this release know the sender's version?"
        )
    return contract


@lru_cache(maxsize=256)
def _source(stated: bytes | None) -> str:
    return _stated(stated, "ce_source")


def _decode_as(contract: type[Event], headers: dict[str, bytes], record: Record) -> Received[Event]:
    if headers.get("ce_specversion") != b"1.0":
        stated = _attribute(headers, "ce_specversion")
        raise UndecodableError(f"header ce_specversion must be 1.0, not {stated}")
    if contract.topic.name != record.topic:
        raise UndecodableError(
            f"{contract.event_type} belongs on {contract.topic.name}, not on {record.topic}"
        )
    _check_content_type(contract, headers.get(_CONTENT_TYPE))
    key = _key(record)
    event = _reader(contract)(key, _checked_value(record))
    if event.key() != key:
        raise UndecodableError(f"record key {key!r} is not the event's key {event.key()!r}")
    traceparent = traceparent_of(headers)
    return Received(
        event=event,
        event_id=_attribute(headers, "ce_id"),
        source=_source(headers.get("ce_source")),
        event_type=contract.event_type,
        time=_time(_attribute(headers, "ce_time")),
        key=key,
        incoming_traceparent=traceparent,
        traceparent=traceparent,
        record=record,
    )


def _refuse_repeated(headers: Headers) -> None:
    """Refuse an event attribute that is given twice: nobody could say which of the two holds."""
    names = Counter(name for name, _ in headers)
    for name, times in names.items():
        if times > 1 and (name == _CONTENT_TYPE or name.startswith("ce_")):
            raise UndecodableError(f"header {name} is given {times} times")


def _refuse_other_kinds(headers: dict[str, bytes]) -> None:
    """Say what a record without a type is, where that can be known."""
    if headers.get(WHOLE_BATCH):  # anybody may send one of this name, null too
        raise UndecodableError(headers[WHOLE_BATCH].decode(errors="replace"))
    if (headers.get(_CONTENT_TYPE) or b"").startswith(_STRUCTURED):
        raise UndecodableError(
            "the event came in CloudEvents' structured mode: send it in binary mode, attributes as ce_ headers"
        )


def _check_content_type(contract: type[Event], stated: bytes | None) -> None:
    """Refuse a value that says it is of another media type than its contract; one that says nothing is believed."""
    if not stated or stated == contract.content_type.encode():
        return
    media_type = _text(stated, _CONTENT_TYPE).partition(";")[0].strip().lower()
    if _ALIASES.get(media_type, media_type) != contract.content_type:
        raise UndecodableError(f"header {_CONTENT_TYPE} must be {contract.content_type}, not {media_type}")


def attribute_or_none(headers: Headers, name: str) -> str | None:
    """Return a CloudEvents attribute of a record that may be broken, None when it is missing or unreadable."""
    try:
        return _attribute(dict(headers), name)
    except UndecodableError:
        return None


def _attribute(headers: dict[str, bytes], name: str) -> str:
    return _stated(headers.get(name), name)


def _stated(raw: bytes | None, name: str) -> str:
    """Return what a header says that every event has."""
    if not raw:
        raise UndecodableError(f"header {name} is missing")
    return _text(raw, name)


def _key(record: Record) -> str:
    if not record.key:
        raise UndecodableError("record key is missing: it must be the aggregate's id")
    return _text(record.key, None)


def _text(raw: bytes, header: str | None) -> str:
    """Return a header's text, or the record key's without the name of one."""
    if len(raw) > MAX_ATTRIBUTE_CHARACTERS:
        raise UndecodableError(f"{_called(header)} is longer than {MAX_ATTRIBUTE_CHARACTERS} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise UndecodableError(f"{_called(header)} is not UTF-8") from None
    if "\x00" in text:
        raise UndecodableError(f"{_called(header)} holds a NUL character")
    return text


def _called(header: str | None) -> str:
    return "record key" if header is None else f"header {header}"


def _checked_value(record: Record) -> bytes:
    value = record.value
    if value is None:
        raise UndecodableError("record has no value")
    if not value:
        raise UndecodableError("record's value is empty")
    if len(value) > MAX_VALUE_BYTES:
        raise UndecodableError(f"value has {len(value)} bytes, over {MAX_VALUE_BYTES}")
    return value


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UndecodableError(f"header ce_time is not an RFC 3339 timestamp: {text[:40]}") from None
    if time.tzinfo is None:
        raise UndecodableError(f"header ce_time has no time zone: {text}")
    # There an offset may lead to a day that neither Python nor a calendar has.
    if not MINYEAR < time.year < MAXYEAR:
        raise UndecodableError(f"header ce_time lies outside of all calendars: {text}")
    return time


def traceparent_of(headers: dict[str, bytes]) -> str | None:
    """Return the W3C trace context that a record carries; one of the wrong shape counts as none."""
    raw = headers.get(TRACEPARENT)
    return raw.decode() if raw is not None and _TRACEPARENT.fullmatch(raw) else None


_Reader = Callable[[str, bytes], Event]
_number_check = cache(number_check)


@cache
def _reader(contract: type[Event]) -> _Reader:
    """Return the function that makes an event of key and value, and raises UndecodableError."""
    return _xml_reader(contract) if issubclass(contract, XmlEvent) else _json_reader(contract)


def _xml_reader(contract: type[XmlEvent]) -> _Reader:
    def read(key: str, value: bytes) -> Event:
        return contract(message_id=key, document=value)

    return read


def _fault(error: Exception, document: bytes) -> str:
    """Return what an error says of a document; half a surrogate pair at the end of one looks cut off to the decoder."""
    if "truncated" in str(error) and _is_whole(document):
        return r"text holds half of a surrogate pair, such as \ud800 alone"
    return str(error)


def _is_whole(document: bytes) -> bool:
    try:
        json.loads(document)
    except (ValueError, RecursionError):
        return False
    return True


def _json_reader(contract: type[Event]) -> _Reader:
    decode_json: Callable[[bytes], Any] = msgspec.json.Decoder(contract).decode
    check = _number_check(contract)
    from_outside, with_care = contract.topic.from_outside, contract.topic.read_with_care
    check_that_names_differ = names_check(contract)

    def read(_: str, value: bytes) -> Event:
        try:
            event: Event = decode_json(value)
            check(event)
            if with_care:
                check_that_names_differ(value)
                if from_outside and may_hold_odd_number(value):
                    msgspec.convert(odd_numbers_marked(msgspec.json.decode(value)), contract)
        except (ValueError, RecursionError) as error:
            raise UndecodableError(f"{contract.event_type}: {_fault(error, value)}") from None
        if holds_nul(value):
            raise UndecodableError(f"{contract.event_type}: text holds a NUL character")
        return event

    return read
