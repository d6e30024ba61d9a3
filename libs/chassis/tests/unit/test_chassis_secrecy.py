"""Encrypted values: they open where they were sealed, by the key that sealed them, and nowhere else."""

import base64
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_chassis import ServiceSettings
from backoffice_chassis.audit.masking import MASKED
from backoffice_chassis.key_text import new_key_ring
from backoffice_chassis.secrecy.documents import AccountsOfDocument, may_name_an_account
from backoffice_chassis.secrecy.envelope import DataKey, is_sealed, key_id_of
from backoffice_chassis.secrecy.errors import MissingKeyError, UnreadableError
from backoffice_chassis.secrecy.ring import KeyRing
from backoffice_chassis.secrecy.transit import EventKeys
from backoffice_events.ids import new_id

pytestmark = pytest.mark.unit


def key_of(number: int) -> str:
    return base64.b64encode(bytes([number]) * 32).decode()


SCHEMAS = Path(__file__).parents[3] / "events" / "schemas"
ONE, TWO = f"1:{key_of(1)}", f"2:{key_of(2)}"
PLACE = ("person", "family_name", "E1")
KEY = DataKey(new_id(), bytes(range(32)))


@given(st.binary(max_size=300), st.lists(st.text(max_size=20), max_size=5))
def test_what_is_sealed_opens_in_its_place(value: bytes, place: list[str]) -> None:
    sealed = KEY.seal(value, place)
    assert (is_sealed(sealed), key_id_of(sealed)) == (True, KEY.key_id)
    assert KEY.open(sealed, place) == value
    assert KEY.seal(value, place) != sealed


@given(st.text(min_size=4, max_size=40, alphabet=st.characters(codec="ascii", categories=["Lu", "Nd"])))
def test_a_sealed_value_does_not_show_what_it_is(value: str) -> None:
    assert value.encode() not in base64.urlsafe_b64decode(KEY.seal(value.encode(), PLACE).split(":")[2])


@pytest.mark.parametrize(
    "elsewhere",
    [
        ("person", "family_name", "E2"),
        ("person", "given_name", "E1"),
        ("people", "family_name", "E1"),
        ("person", "family_name", "E1", ""),
        ("personfamily_name", "E1"),
    ],
)
def test_a_value_moved_elsewhere_does_not_open(elsewhere: tuple[str, ...]) -> None:
    sealed = KEY.seal(b"Smith", PLACE)
    with pytest.raises(UnreadableError, match="does not open"):
        KEY.open(sealed, elsewhere)


@given(st.data())
def test_a_value_that_was_changed_does_not_open(data: st.DataObject) -> None:
    prefix, key_id, body = KEY.seal(b"Smith", PLACE).split(":")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    changed = f"{prefix}:{key_id}:{base64.urlsafe_b64encode(raw).decode()}"
    with pytest.raises(UnreadableError) as refused:
        KEY.open(changed, PLACE)
    assert "Smith" not in str(refused.value)


@pytest.mark.parametrize("body", ["", "AA==", "A", "no base64!"])
def test_what_is_no_sealed_value_at_all_is_refused_alike(body: str) -> None:
    with pytest.raises(UnreadableError):
        KEY.open(f"enc1:{KEY.key_id}:{body}", PLACE)


def test_another_data_key_does_not_open_it() -> None:
    sealed = KEY.seal(b"Smith", PLACE)
    with pytest.raises(UnreadableError):
        DataKey(KEY.key_id, bytes(32)).open(sealed, PLACE)


def test_the_first_key_of_the_ring_wraps_and_the_others_still_unwrap() -> None:
    before, rotated = KeyRing(ONE), KeyRing(f"{TWO},{ONE}")
    wrapped = before.wrap("k", b"x" * 32)
    assert rotated.unwrap(wrapped) == b"x" * 32
    assert (wrapped.version, rotated.wrap("k", b"x" * 32).version) == (1, 2)
    assert KeyRing(f"{ONE},{TWO}").wrap("k", b"x" * 32).version == 1, "their order decides, not their numbers"


def test_a_key_that_is_missing_is_named_and_no_other_is_shown() -> None:
    wrapped = KeyRing(TWO).wrap("k", b"x" * 32)
    with pytest.raises(MissingKeyError, match="wrapped by key 2") as refused:
        KeyRing(ONE).unwrap(wrapped)
    assert key_of(1) not in str(refused.value)


def test_a_wrapped_key_opens_under_its_own_id_and_version_alone() -> None:
    ring = KeyRing(ONE)
    wrapped = ring.wrap("k", b"x" * 32)
    for wrong in (
        replace(wrapped, key_id="other"),
        replace(wrapped, wrapped=wrapped.wrapped[:-1]),
        replace(wrapped, wrapped=b""),
    ):
        with pytest.raises(UnreadableError):
            ring.unwrap(wrong)
    with pytest.raises(UnreadableError):
        KeyRing(f"1:{key_of(9)}").unwrap(wrapped)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (key_of(1), "must look like"),
        (f"0:{key_of(1)}", "must look like"),
        (f"x:{key_of(1)}", "must look like"),
        ("1:c2hvcnQ=", "32 random bytes"),
        ("", "must look like"),
        (f"{ONE},", "must look like"),
        (f"{ONE},1:{key_of(2)}", "twice"),
        (f"{ONE},2:{key_of(1)}", "one key under two versions"),
    ],
)
def test_settings_refuse_what_is_no_key_ring_without_repeating_it(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        ServiceSettings(database_url="postgresql://a/b", issuer_url="http://issuer", field_keys=text)
    [error] = refused.value.errors(include_input=False)  # type: ignore[attr-defined]
    assert key_of(1) not in str(error)


def test_a_new_ring_holds_one_key() -> None:
    assert re.fullmatch(r"1:[A-Za-z0-9+/]{43}=", new_key_ring())
    assert KeyRing(new_key_ring()).current == 1


def test_only_what_settlement_needs_travels_in_events() -> None:
    carriers = {
        path.name.removesuffix(".json")
        for path in SCHEMAS.glob("*.json")
        if MASKED & set(re.findall(r'"(\w+)": ?\{', path.read_text()))
    }
    assert len(list(SCHEMAS.glob("backoffice.hr.*.json"))) == 5
    assert carriers == {
        "backoffice.reference.settlement-instruction-changed.v1",
        "backoffice.trading.trade-captured.v1",
        "backoffice.trading.trade-amended.v1",
        "backoffice.trading.trade-cancelled.v1",
    }


CONTENTS = st.text(alphabet="ab<>/ \né&;").map(str.encode) | st.binary(max_size=40)
PIECES = st.sampled_from(
    [
        b"<SfkpgAcct>",
        b"</SfkpgAcct>",
        b"<CshAcct>",
        b"</s:CshAcct>",
        b"<CshAcct a='1'>",
        b"<CshAcct/>",
        b"<QtyAndAcctDtls>",
    ]
)


@given(st.lists(CONTENTS | PIECES, max_size=12).map(b"".join))
def test_a_message_is_put_together_again_byte_for_byte(document: bytes) -> None:
    rest, part = AccountsOfDocument().take_out(document)
    if part is None:
        assert rest == document
    else:
        assert may_name_an_account(document)
        carried = msgspec.json.decode(msgspec.json.encode(part))
        assert AccountsOfDocument().put_back(rest, carried) == document


def test_of_a_message_only_the_accounts_are_taken_out() -> None:
    message = (
        b"<QtyAndAcctDtls><SttlmQty>5</SttlmQty><SfkpgAcct><Id>S-1</Id></SfkpgAcct>"
        b"<s:CshAcct>\n<s:Prtry>C-1</s:Prtry></s:CshAcct></QtyAndAcctDtls><AcctOwnrTxId>T</AcctOwnrTxId>"
    )
    rest, part = AccountsOfDocument().take_out(message)
    assert rest == (
        b"<QtyAndAcctDtls><SttlmQty>5</SttlmQty><SfkpgAcct></SfkpgAcct>"
        b"<s:CshAcct></s:CshAcct></QtyAndAcctDtls><AcctOwnrTxId>T</AcctOwnrTxId>"
    )
    assert part is not None
    assert [content for _, content in part] == ["<Id>S-1</Id>", "\n<s:Prtry>C-1</s:Prtry>"]
    assert not may_name_an_account(b"<QtyAndAcctDtls>5</QtyAndAcctDtls><AcctOwnrTxId>T</AcctOwnrTxId>")


EVENT_PLACE = ("trading.trades.v1", "sealed_accounts", "T1", "1")


def test_the_first_key_of_events_encrypts_and_the_others_still_decrypt() -> None:
    before, rotated = EventKeys(ONE), EventKeys(f"{TWO},{ONE}")
    sealed = before.seal(b"accounts", EVENT_PLACE)
    assert rotated.open(sealed, EVENT_PLACE) == b"accounts"
    assert rotated.seal(b"accounts", EVENT_PLACE).startswith("enc1:2:")


def test_a_key_of_events_that_was_not_given_is_waited_for() -> None:
    sealed = EventKeys(TWO).seal(b"accounts", EVENT_PLACE)
    with pytest.raises(MissingKeyError, match="by key 2, which BACKOFFICE_EVENT_KEYS lacks"):
        EventKeys(ONE).open(sealed, EVENT_PLACE)


@given(st.text(max_size=40) | st.from_regex(r"enc1:[^:]*:[A-Za-z0-9_=-]*", fullmatch=True))
def test_nobody_forges_what_an_event_carries(forged: str) -> None:
    with pytest.raises((UnreadableError, MissingKeyError)):
        EventKeys(ONE).open(forged, EVENT_PLACE)


def test_a_message_full_of_unclosed_tags_is_read_once() -> None:
    hostile = b"<!-- " + b"<CshAcct>" * 200_000 + b"-->"
    assert AccountsOfDocument().take_out(hostile) == (hostile, None)
