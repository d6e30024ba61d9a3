"""Records as everybody sends them, and as nobody should: drawn from a contract's own types.

Most values are plausible and of one small world, so that events of a draw meet each other; any field may hold whatever
else its type allows, and any part of a record may be broken.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec
import msgspec.inspect as types
from hypothesis import strategies as st

from backoffice_events.contracts import all_contracts
from backoffice_events.contracts.base import Event, XmlEvent
from backoffice_events.limits import FRACTION_DIGITS, INTEGER_DIGITS
from backoffice_events.records import MAX_VALUE_BYTES, Headers, Record

Draw = st.DrawFn
Documents = Mapping[type[Event], Sequence[bytes]]
Change = Callable[[Draw, Record], Record]

WORLD: Final = "0190a1b2"
"""Stands in the ids of trades, references and instructions; whoever delivers puts something else in its place, so that
each draw meets a world in which nothing has happened yet.
"""
TRADES: Final = tuple(f"{WORLD}-0000-7000-8000-00000000000{number}" for number in range(3))
INSTRUCTIONS: Final = tuple(f"{WORLD}I{number}" for number in range(2))

PLAUSIBLE: Final[Mapping[str, Sequence[Any]]] = {
    "trade_id": TRADES,
    "source_system": ["EQ"],
    "trade_reference": [f"{WORLD}-{number}" for number in range(3)],
    "version": [1, 2, 3],
    "trade_version": [1, 2, 3],
    "source_version": [1, 2, 3],
    "decision_version": [1, 2],
    "confirmation_version": [1, 2],
    "sequence": [1, 2, 3],
    "side": ["BUY"],
    "isin": ["US0378331005", "US91282CJZ59"],
    "mic": ["XNAS"],
    "cfi": ["ESVUFR"],
    "currency": ["USD"],
    "book": ["EQ-1"],
    "trader": ["E-1"],
    "employee_id": ["E-1", "E-2"],
    "lei": ["549300HBJLRO8YFMI370", "7H6GLXDRUGQFU57RNE97"],
    "counterparty_lei": ["549300HBJLRO8YFMI370", "7H6GLXDRUGQFU57RNE97"],
    "entity_lei": ["529900HNOAA1KXQJUQ27"],
    "bic": ["GOLDUS33XXX"],
    "country": ["US", None],
    "calendar": ["US", "TARGET"],
    "settlement_calendar": ["US"],
    "place_of_settlement": ["DTCYUS33XXX"],
    "agent_bic": ["IRVTUS3NXXX"],
    "counterparty_bic": ["GOLDUS33XXX"],
    "counterparty_agent_bic": ["CITIUS33XXX"],
    "confirmation_reference": ["C-1", "C-2"],
    "decision_id": [TRADES[0]],
    "case_id": [TRADES[0]],
    "instruction_id": INSTRUCTIONS,
    "csd_reference": ["CSD-1", "CSD-2", "CSD-3"],
    "quantity": ["100"],
    "price": ["210.50"],
    "gross_amount": ["21050.00"],
    "net_amount": ["21051.25"],
    "accrued_interest": ["0"],
    "amount": ["1.25"],
    "settled_quantity": ["100", "60", "40"],
    "settled_amount": ["21051.25", "12630.75", "8420.50"],
    "remaining_quantity": ["0", "40", "60"],
    "remaining_amount": ["0", "8420.50", "12630.75"],
    "failing_quantity": ["100", "40"],
    "failing_amount": ["21051.25", "8420.50"],
    "trade_date": ["2026-11-23"],
    "business_date": ["2026-11-23", "2026-11-24", "2026-11-25"],
    "effective_date": ["2026-11-24"],
    "failed_on": ["2026-11-24"],
    "settlement_date": ["2026-11-24"],
    "executed_at": ["2026-11-23T14:30:00Z"],
    "charges": [[{"type": "COMMISSION", "amount": "1.25"}]],
}
_SELDOM: Final = 40
"""One of so many values is drawn from all that its type allows: half of the trades are plausible as a whole then."""

_FAULTS_EACH: Final = (0, 0, 0, 0, 0, 1, 2)
"""How many faults a value has, and the record around it."""
_SENDER: Final = "urn:test"
_STORABLE: Final = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]))

HOSTILE_VALUES: Final[Sequence[Any]] = (
    *(None, True, 0, -1, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, "", " ", "\x00", "a\x00b", "\ud800"),
    *("NaN", "Infinity", "-Infinity", "sNaN", "-0", "1e400", "1e-400", "1E+17", "9" * 18, "9" * 40, "1_000"),
    *("\uff11\uff12", "\u0661", "0x10", "1,5", " 1 ", "0.00000000001", "999999999999999999.9999999999"),
    *("0000-00-00", "0001-01-01", "9999-12-31", "2026-02-30", "2026-11-23T00:00:00", "10000-01-01"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23T24:00:00Z", "-1"),
    *("\u202eEULAV", "\U0001f4a9", "x" * 140, "x" * 141, "x" * 2001, "'; DROP TABLE trade; --", "%s{0}\\"),
    *([], {}, [[]], {"a": 1}, [None], "BUY", "SELL", "not-a-uuid"),
)
_HOSTILE_BYTES: Final = (
    *(b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"x" * 256, b"x" * 70_000, b"1.0", b"application/xml"),
    *(b"application/cloudevents+json", b"application/json; charset=utf-16", b"not-a-time"),
    *(b"2026-11-23T15:00:00", b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59", b"T-1", b":"),
)
_HOSTILE_DOCUMENTS: Final = (
    *(
        b"",
        b"{",
        b"[]",
        b"null",
        b"0",
        b'""',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ),
    *(b"<", b"<a/>", b"<?xml version='1.0' encoding='UTF-16'?><a/>", b"<a>" * 50_000),
    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>',
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>',
)


def records(contract: type[Event], documents: Documents) -> st.SearchStrategy[Record]:
    """Return records of a contract, of which some are as it wants them and the others broken once or more.

    documents: of contracts of XML, what the sender might say of `INSTRUCTIONS[0]`.
    """
    if issubclass(contract, XmlEvent):
        return _broken(_document_records(contract, documents[contract]))
    return _broken(_json_records(contract))


def plainest(contract: type[Event], **changes: Any) -> Event:
    """Return an event of the first plausible value of each field. changes: of the trade that it is about, by name."""
    value = _plainest(types.type_info(contract), "")
    value.get("trade", value).update(changes)
    return msgspec.convert(value, contract)


def _plainest(kind: types.Type, name: str) -> Any:
    if name in PLAUSIBLE:
        return PLAUSIBLE[name][0]
    match kind:
        case types.StructType(fields=fields):
            return {each.name: _plainest(each.type, each.name) for each in fields if each.required}
        case types.EnumType(cls=choices):
            return next(iter(choices)).value
        case types.BoolType():
            return True
        case types.VarTupleType():
            return []
    return "X"


def _json_records(contract: type[Event]) -> st.SearchStrategy[Record]:
    values = _struct(types.type_info(contract))

    @st.composite
    def record(draw: Draw) -> Record:
        value = draw(values)
        for _ in range(draw(st.sampled_from(_FAULTS_EACH))):
            value = draw(_with_odd_field(value))
        return _record(draw, contract, _key_of(contract, value), json.dumps(value).encode())

    return record()


def _document_records(contract: type[Event], documents: Sequence[bytes]) -> st.SearchStrategy[Record]:
    @st.composite
    def record(draw: Draw) -> Record:
        key = draw(st.sampled_from([*INSTRUCTIONS, *INSTRUCTIONS, "unknown"]))
        document = draw(st.sampled_from(documents)).replace(INSTRUCTIONS[0].encode(), key.encode())
        for _ in range(draw(st.sampled_from(_FAULTS_EACH))):
            document = draw(_with_odd_text(document))
        return _record(draw, contract, key, document)

    return record()


def _record(draw: Draw, contract: type[Event], key: str, value: bytes) -> Record:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(draw(_EVENT_IDS)).encode()),
        ("ce_type", contract.event_type.encode()),
        ("ce_source", _SENDER.encode()),
        ("ce_time", draw(_TIMES).encode()),
        ("content-type", contract.content_type.encode()),
    ]
    return Record(contract.topic.name, key.encode(errors="surrogatepass"), value, headers)


def _struct(kind: types.Type) -> st.SearchStrategy[dict[str, Any]]:
    assert isinstance(kind, types.StructType)
    needed = {field.encode_name: _leaf(field.name, field.type) for field in kind.fields if field.required}
    spare = {field.encode_name: _leaf(field.name, field.type) for field in kind.fields if not field.required}
    return st.fixed_dictionaries(needed, optional=spare)


def _leaf(name: str, kind: types.Type) -> st.SearchStrategy[Any]:
    if name not in PLAUSIBLE:
        return _typed(kind)
    return _seldom(_typed(kind), st.sampled_from(PLAUSIBLE[name]))


def _seldom(odd: st.SearchStrategy[Any], usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return one that draws from `usual`, but for one time of many."""
    return st.integers(0, _SELDOM - 1).flatmap(lambda dice: usual if dice else odd)


_MOMENTS: Final = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
_EVENT_IDS: Final = _seldom(st.sampled_from([TRADES[0], "e-1", "x" * 255]), st.uuids(version=4))
_TIMES: Final = _seldom(_MOMENTS, st.just("2026-11-23T15:00:00+00:00"))


def _typed(kind: types.Type) -> st.SearchStrategy[Any]:
    """Return whatever JSON a type takes."""
    return _OF_TYPE[type(kind)](kind)


_MOST: Final = 10**INTEGER_DIGITS - 1
_OF_TYPE: Final[Mapping[type[types.Type], Callable[[Any], st.SearchStrategy[Any]]]] = {
    types.StrType: lambda kind: st.text(_STORABLE, max_size=kind.max_length),
    types.IntType: lambda kind: st.integers(kind.ge, kind.le),
    types.DecimalType: lambda _: st.decimals(-_MOST, _MOST, places=FRACTION_DIGITS).map("{:f}".format),
    types.DateType: lambda _: st.dates().map(date.isoformat),
    types.DateTimeType: lambda _: _MOMENTS,
    types.EnumType: lambda kind: st.sampled_from([choice.value for choice in kind.cls]),
    types.BoolType: lambda _: st.booleans(),
    types.NoneType: lambda _: st.none(),
    types.UnionType: lambda kind: st.one_of(*map(_typed, kind.types)),
    types.VarTupleType: lambda kind: st.lists(_typed(kind.item_type), max_size=4),
    types.StructType: _struct,
}


def _key_of(contract: type[Event], value: Any) -> str:
    """Return the key of an event that may be broken: what cannot be had is left out."""
    return ":".join(str(_at(value, path.split("."))) for path in contract.key_fields)


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name, "") if isinstance(value, dict) else ""
    return value


@st.composite
def _with_odd_field(draw: Draw, value: dict[str, Any]) -> dict[str, Any]:
    """Return an event with one field missing, added, or holding what nobody meant it to."""
    copy = json.loads(json.dumps(value))
    holder, name = draw(st.sampled_from([*_places(copy)] or [(copy, "x")]))
    match draw(st.sampled_from(["missing", "added", "other", "other", "other"])):
        case "missing":
            holder.pop(name, None)
        case "added":
            holder[draw(_TEXT)] = draw(st.sampled_from(HOSTILE_VALUES))
        case _:
            holder[name] = draw(
                st.sampled_from(HOSTILE_VALUES) | _TEXT | st.integers() | st.floats(allow_nan=False)
            )
    return dict(copy)


def _places(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every field of an event, nested ones too, with what holds it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield value, name
            yield from _places(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner)


@st.composite
def _with_odd_text(draw: Draw, document: bytes) -> bytes:
    """Return an XML document with one text, name or attribute replaced."""
    spots = [*re.finditer(rb"(?<=>)[^<]+(?=<)|(?<=<)\w+|(?<=\")[^\"]+(?=\")", document)]
    if not spots:
        return document
    spot = draw(st.sampled_from(spots))
    other = draw(st.sampled_from([each for each in HOSTILE_VALUES if isinstance(each, str)]) | _TEXT)
    return document[: spot.start()] + other.encode(errors="surrogatepass") + document[spot.end() :]


@st.composite
def _broken(draw: Draw, sound: st.SearchStrategy[Record]) -> Record:
    record = draw(sound)
    for _ in range(draw(st.sampled_from(_FAULTS_EACH))):
        record = draw(st.sampled_from(_FAULTS))(draw, record)
    return record


def _other_key(draw: Draw, record: Record) -> Record:
    return _with(
        record, key=draw(st.none() | st.sampled_from([*_HOSTILE_BYTES, TRADES[0].encode()]) | st.binary())
    )


def _other_value(draw: Draw, record: Record) -> Record:
    return _with(record, value=draw(st.none() | st.sampled_from(_HOSTILE_DOCUMENTS) | st.binary()))


def _cut_value(draw: Draw, record: Record) -> Record:
    value = record.value or b""
    return _with(record, value=value[: draw(st.integers(0, len(value)))])


def _flipped_value(draw: Draw, record: Record) -> Record:
    value = bytearray(record.value or b"x")
    value[draw(st.integers(0, len(value) - 1))] ^= draw(st.integers(1, 255))
    return _with(record, value=bytes(value))


def _huge_value(draw: Draw, record: Record) -> Record:
    more = draw(st.sampled_from([MAX_VALUE_BYTES - len(record.value or b""), MAX_VALUE_BYTES]))
    return _with(record, value=(record.value or b"") + b" " * max(0, more))


def _missing_header(draw: Draw, record: Record) -> Record:
    headers = list(record.headers)
    del headers[draw(st.integers(0, len(headers) - 1))]
    return _with(record, headers=headers or [("x", b"")])


def _repeated_header(draw: Draw, record: Record) -> Record:
    return _with(record, headers=[*record.headers, draw(st.sampled_from(list(record.headers)))])


def _other_header(draw: Draw, record: Record) -> Record:
    headers = list(record.headers)
    place = draw(st.integers(0, len(headers) - 1))
    headers[place] = (headers[place][0], draw(st.sampled_from(_HOSTILE_BYTES) | st.binary()))
    return _with(record, headers=headers)


def _added_header(draw: Draw, record: Record) -> Record:
    name = draw(st.sampled_from(["traceparent", "tracestate", "x", "ce_dataschema", ""]) | _TEXT)
    value = draw(
        st.sampled_from([*_HOSTILE_BYTES, b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"]) | st.binary()
    )
    return _with(record, headers=[*record.headers, (name, value)])


def _other_type(draw: Draw, record: Record) -> Record:
    known = [contract.event_type for contract in all_contracts()]
    other = draw(st.sampled_from([*known, "backoffice.trading.trade-captured.v99", "x"])).encode()
    return _with(
        record, headers=[(name, other if name == "ce_type" else value) for name, value in record.headers]
    )


def _with(record: Record, **changes: bytes | Headers | None) -> Record:
    return msgspec.structs.replace(record, **changes)


_FAULTS: Final[Sequence[Change]] = (
    *(_other_key, _other_value, _cut_value, _flipped_value, _huge_value),
    *(_missing_header, _repeated_header, _other_header, _added_header, _other_type),
)
