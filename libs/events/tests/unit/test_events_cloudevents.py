from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.cloudevents import UndecodableError, decode, encode
from backoffice_events.contracts import all_contracts
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.csd import CsdStatusAdvised
from backoffice_events.contracts.frontoffice import TradeExecuted
from backoffice_events.contracts.reference import BusinessDayOpened, BusinessDayStatus
from backoffice_events.contracts.vocabulary import Charge, ChargeType, Side
from backoffice_events.json_names import object_of
from backoffice_events.limits import check_number, holds_nul
from backoffice_events.records import MAX_VALUE_BYTES, WHOLE_BATCH, Record

pytestmark = pytest.mark.unit

TIME = datetime(2024, 6, 3, 9, 30, 15, 123456, tzinfo=UTC)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

ids = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=40)
numbers = st.decimals(min_value=-(10**17), max_value=10**17, allow_nan=False, places=10)
dates = st.dates()
charges = st.builds(Charge, type=st.sampled_from(ChargeType), amount=numbers)
executions = st.builds(
    TradeExecuted,
    source_system=ids,
    trade_reference=ids,
    version=st.integers(1, 2**31 - 1),
    side=st.sampled_from(Side),
    isin=ids,
    mic=ids,
    quantity=numbers,
    price=numbers,
    currency=ids,
    trade_date=dates,
    executed_at=st.datetimes(timezones=st.just(UTC)),
    book=ids,
    trader=ids,
    counterparty_lei=ids,
    settlement_date=st.none() | dates,
    charges=st.lists(charges, max_size=3).map(tuple),
    accrued_interest=st.none() | numbers,
)


def execution(**changes: Any) -> TradeExecuted:
    terms: dict[str, Any] = {
        "source_system": "OMS",
        "trade_reference": "T-1",
        "version": 1,
        "side": Side.BUY,
        "isin": "US0378331005",
        "mic": "XNAS",
        "quantity": Decimal(100),
        "price": Decimal("190.25"),
        "currency": "USD",
        "trade_date": date(2024, 6, 3),
        "executed_at": TIME,
        "book": "EQ1",
        "trader": "E-1",
        "counterparty_lei": "549300SMVCQN2P0O6I58",
    }
    return TradeExecuted(**{**terms, **changes})


def record_of(event: Event, **changes: Any) -> Record:
    record = encode(event, event_id="e-1", source="urn:test", time=TIME, traceparent=TRACEPARENT)
    fields = {name: getattr(record, name) for name in ("topic", "key", "value", "headers")}
    return Record(**{**fields, **changes})


@given(event=executions)
def test_an_event_comes_back_as_it_was_sent(event: TradeExecuted) -> None:
    received = decode(record_of(event))
    assert received.event == event
    assert received.key == event.key()
    assert (received.event_id, received.source, received.time) == ("e-1", "urn:test", TIME)
    assert received.traceparent == TRACEPARENT


def test_a_document_is_carried_byte_for_byte() -> None:
    event = CsdStatusAdvised(message_id="M1", document=b"<?xml version='1.0'?><a>\xc3\xa9</a>")
    record = record_of(event)
    assert record.value == event.document
    assert decode(record).event == event


@given(
    key=st.none() | st.binary(max_size=300),
    value=st.none() | st.binary(),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "traceparent", "x"]
            ),
            st.binary(max_size=300)
            | st.sampled_from([c.event_type.encode() for c in all_contracts()] + [b"1.0"]),
        )
    ),
    topic=st.sampled_from(sorted({contract.topic.name for contract in all_contracts()})),
)
def test_arbitrary_bytes_are_undecodable_and_never_crash_the_decoder(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]], topic: str
) -> None:
    with pytest.raises(UndecodableError):
        decode(Record(topic, key, value, headers))


@given(
    value=st.binary()
    | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(lambda v: repr(v).encode())
)
def test_arbitrary_values_under_good_headers_are_undecodable(value: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode(record_of(execution(), value=value))


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"])
def test_each_required_attribute_is_missed_by_name(name: str) -> None:
    record = record_of(execution())
    headers = [header for header in record.headers if header[0] != name]
    with pytest.raises(UndecodableError, match=name):
        decode(record_of(execution(), headers=headers))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01"])
def test_a_time_that_is_none_in_utc_is_undecodable(time: str) -> None:
    record = record_of(execution())
    headers = [(name, time.encode() if name == "ce_time" else value) for name, value in record.headers]
    with pytest.raises(UndecodableError, match="ce_time lies outside of all calendars"):
        decode(record_of(execution(), headers=headers))


def with_value(change: Callable[[bytes], bytes]) -> Record:
    record = record_of(execution())
    assert record.value is not None
    changed = change(record.value)
    assert changed != record.value
    return record_of(execution(), value=changed)


@pytest.mark.parametrize(
    "number",
    ["NaN", "sNaN", "-Infinity", "1E+999", "1E-999", "1" * 19, "0.00000000001", "1" * 100_000],
)
def test_a_number_that_no_column_holds_is_undecodable(number: str) -> None:
    with pytest.raises(UndecodableError, match=r"not a number of at most|Expected"):
        decode(with_value(lambda value: value.replace(b'"190.25"', f'"{number}"'.encode())))


@pytest.mark.parametrize(
    "again",
    [
        b'"price":"190.25",',
        b'"price" : "1",',
        b'"pri\\u0063e":"1",',
        b'"charges":[{"amount":"1","type":"OTHER","type":"STAMP_DUTY"}],',
    ],
)
def test_a_name_that_is_given_twice_is_undecodable_and_named(again: bytes) -> None:
    with pytest.raises(UndecodableError, match=r"'(price|type)' is given more than once"):
        decode(with_value(lambda value: b"{" + again + value[1:]))


def test_a_value_may_read_as_a_name_and_items_share_their_names() -> None:
    charges = tuple(
        Charge(type=kind, amount=Decimal(1)) for kind in (ChargeType.OTHER, ChargeType.STAMP_DUTY)
    )
    event = execution(book="price", charges=charges)
    assert decode(record_of(event)).event == event


ODD_NUMBERS = [
    "1_0",
    "_1",
    "1._5",
    "1e_5",
    " 1",
    "1 ",
    "1\\n",
    "\\t1",
    "1\u00a0",
    "\uff11\uff12",
    "\\uff11",
    "\u0663",
]


@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_a_number_that_only_python_reads_as_one_is_undecodable_and_named(number: str) -> None:
    with pytest.raises(UndecodableError, match=r"decimal.*\$\.price"):
        decode(with_value(lambda value: value.replace(b'"190.25"', f'"{number}"'.encode())))


@pytest.mark.parametrize("text", ODD_NUMBERS)
def test_a_text_may_look_like_such_a_number(text: str) -> None:
    record = with_value(lambda value: value.replace(b'"EQ1"', f'"{text}"'.encode()))
    assert decode(record).event == execution(book=msgspec.json.decode(f'"{text}"'))


@pytest.mark.parametrize("number", [b'"190.25"', b"190.25", b'"1.9025E+2"', b'"\\u00319\\u0030.25"'])
def test_a_plain_number_is_taken_however_the_json_is_laid_out(number: bytes) -> None:
    record = with_value(lambda value: value.replace(b'"190.25"', number).replace(b'":', b'": '))
    assert decode(record).event == execution()


def test_a_number_in_a_list_is_looked_at_too() -> None:
    good = execution(charges=(Charge(type=ChargeType.OTHER, amount=Decimal("4.44")),))
    value = record_of(good).value
    assert value is not None
    with pytest.raises(UndecodableError, match="not a number"):
        decode(record_of(good, value=value.replace(b'"4.44"', b'"NaN"')))


@pytest.mark.parametrize("text", ["999999999999999999.9999999999", "-0", "0.0000000001", "1E+17", "0E-20"])
def test_a_number_that_a_column_holds_is_taken(text: str) -> None:
    check_number(Decimal(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1', b'"version":2147483648'),
        (b'"version":1', b'"version":"1"'),
        (b'"side":"BUY"', b'"side":"buy"'),
        (b'"2024-06-03"', b'"2024-06-31"'),
        (b"123456Z", b"123456"),
        (b'"EQ1"', b'"' + b"x" * 141 + b'"'),
        (b'"EQ1"', b'"EQ\\u0000"'),
        (b'"EQ1"', b'"EQ\\ud800"'),
        (b'"EQ1"', b"null"),
        (b"}", b""),
    ],
)
def test_a_field_of_the_wrong_kind_is_undecodable(old: bytes, new: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode(with_value(lambda value: value.replace(old, new, 1)))


def test_half_a_surrogate_pair_at_the_end_is_not_called_a_cut() -> None:
    def lone(value: bytes) -> bytes:
        return value.removesuffix(b"}") + b',"book":"\\ud800"}'

    with pytest.raises(UndecodableError, match="half of a surrogate pair"):
        decode(with_value(lone))
    with pytest.raises(UndecodableError, match="truncated"):
        decode(with_value(lambda value: value[:-1]))


def test_naming_the_name_that_is_given_twice_takes_one_pass() -> None:
    """A quarter of a megabyte of names took seconds, in which the process answered nobody."""
    comparisons = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal comparisons
            comparisons += 1
            return str.__eq__(self, other)

    names = [Name(number) for number in range(1000)]
    with pytest.raises(ValueError, match="'999' is given more than once"):
        object_of([(name, None) for name in [*names, Name(999)]])
    assert comparisons < 10 * len(names)


def test_a_name_given_twice_is_refused_on_what_stays_for_ever_too() -> None:
    opened = BusinessDayOpened(
        calendar="US", business_date=date(2024, 6, 3), version=1, status=BusinessDayStatus.OPEN
    )
    record = encode(opened, event_id="1", source="urn:test", time=TIME)
    value = (record.value or b"").replace(b"{", b'{"version":2,', 1)
    with pytest.raises(UndecodableError, match="'version' is given more than once"):
        decode(Record(record.topic, record.key, value, record.headers))


def test_a_field_that_this_release_does_not_know_is_passed_over() -> None:
    record = with_value(lambda value: value.replace(b"{", b'{"venue_fee":"1",', 1))
    assert decode(record).event == execution()


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert not holds_nul(rb'"\\u0000"')
    assert holds_nul(rb'"\\\u0000"')
    assert decode(record_of(execution(book="\\u0000"))).event == execution(book="\\u0000")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": b"OMS:T-2"}, "not the event's key"),
        ({"key": None}, "key is missing"),
        ({"key": b"\xff"}, "not UTF-8"),
        ({"value": None}, "no value"),
        ({"value": b""}, "empty"),
        ({"value": b" " * (MAX_VALUE_BYTES + 1)}, "over"),
        ({"topic": "trading.trades.v1"}, "belongs on"),
    ],
)
def test_a_record_in_the_wrong_shape_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        decode(record_of(execution(), **changes))


def with_header(name: str, *values: bytes) -> Record:
    record = record_of(execution())
    others = [header for header in record.headers if header[0] != name]
    return record_of(execution(), headers=[*others, *((name, value) for value in values)])


def test_a_version_of_the_specification_that_is_missing_is_called_so() -> None:
    with pytest.raises(UndecodableError, match="header ce_specversion is missing"):
        decode(with_header("ce_specversion"))
    with pytest.raises(UndecodableError, match=r"must be 1\.0, not 0\.3"):
        decode(with_header("ce_specversion", b"0.3"))


@pytest.mark.parametrize("name", ["ce_type", "ce_id", "content-type"])
def test_an_attribute_that_is_given_twice_is_refused(name: str) -> None:
    stated = dict(record_of(execution()).headers)[name]
    with pytest.raises(UndecodableError, match=f"{name} is given 2 times"):
        decode(with_header(name, stated, stated))


def test_other_headers_may_repeat() -> None:
    assert decode(with_header("retry", b"1", b"2")).event == execution()


@pytest.mark.parametrize(
    "stated", [b"text/csv", b"application/xml", b"application/cloudevents+json", b"\xff"]
)
def test_a_value_of_another_media_type_is_refused(stated: bytes) -> None:
    with pytest.raises(UndecodableError, match="content-type"):
        decode(with_header("content-type", stated))


@pytest.mark.parametrize("stated", [(), (b"application/json; charset=utf-8",), (b"Application/JSON",)])
def test_a_media_type_may_be_left_out_or_spelt_otherwise(stated: tuple[bytes, ...]) -> None:
    assert decode(with_header("content-type", *stated)).event == execution()


def test_the_structured_mode_is_named_as_what_is_wrong() -> None:
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    with pytest.raises(UndecodableError, match="structured mode"):
        decode(record_of(execution(), headers=headers))


@pytest.mark.parametrize("name", ["ce_type", "content-type", "traceparent", WHOLE_BATCH])
def test_a_header_without_a_value_is_undecodable_and_never_crashes_the_decoder(name: str) -> None:
    headers: list[Any] = [(name, None)]
    with pytest.raises(UndecodableError, match="header ce_type is missing"):
        decode(record_of(execution(), headers=headers))


def test_an_unknown_type_names_it() -> None:
    record = record_of(execution())
    headers = [
        (n, b"backoffice.frontoffice.trade-executed.v9" if n == "ce_type" else v) for n, v in record.headers
    ]
    with pytest.raises(UndecodableError, match=r"trade-executed\.v9"):
        decode(record_of(execution(), headers=headers))


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1E+30"])
def test_a_number_that_no_consumer_takes_cannot_be_sent(price: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        record_of(execution(price=Decimal(price)))


def test_an_event_over_the_size_limit_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="over"):
        record_of(CsdStatusAdvised(message_id="M", document=b"x" * (MAX_VALUE_BYTES + 1)))
