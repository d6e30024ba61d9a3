"""Names in scripts other than Latin: how the lists write them, and what is said of those that cannot be compared."""

import gzip
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from compliance.screening import evaluation
from compliance.screening.domain import UNREAD, Counterparty, Entry, Match
from compliance.screening.index import ListIndex, Subject
from compliance.screening.jobs import subject_of
from compliance.screening.lists import un
from compliance.screening.names import by_script, words

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[4] / "data"
THRESHOLD = 80
EXCHANGED = str.maketrans(dict(zip("ايكه", "أیکة", strict=True)))
ARABIC = st.text(st.sampled_from("ابتجحدرسشعفقكلمنهويىةأإآؤئء "), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def index() -> ListIndex:
    return ListIndex(evaluation.read_lists(DATA / "sanctions"))


@pytest.fixture(scope="module")
def document() -> bytes:
    return gzip.decompress((DATA / "sanctions" / "un_consolidated.xml.gz").read_bytes())


def _search(index: ListIndex, name: str) -> Sequence[Match]:
    party = Counterparty(lei="529900T8BM49AURSDO55", version=1, name=name, bic="AEROUS33XXX", country=None)
    return index.search(subject_of(party))


def test_every_name_in_the_script_of_its_bearer_finds_its_entry(index: ListIndex, document: bytes) -> None:
    root = etree.fromstring(document)
    written = [
        (element.getparent().findtext("DATAID"), " ".join(element.text.split()))
        for element in root.iter("NAME_ORIGINAL_SCRIPT")
    ]
    assert len(written) == 378
    for entry_id, name in written:
        found = {match.entry_id for match in _search(index, name) if match.score > 99}
        assert entry_id in found, name


@pytest.mark.parametrize(
    "name",
    [
        "أيمن محمد ربيع الظواهري",
        "ايمن محمد ربيع الظواهرى",
        "أَيْمَن مُحَمَّد رَبِيع الظواهري",
        "الظواهري ايمن محمد ربيع",
        "ايمـــن محمد ربيع الظواهري",
        "أيمن الظواهري ربيع",
        "عبد الرحمن السندي",
        "金铁三",
        "Kim Chol Sam 金铁三",
        "長安海連技術有限公司",
        "Умаров Доку Хаматович",
        "جماعة اهل السنه للدعوه والجهاد",
    ],
)
def test_names_are_found_in_their_own_script(index: ListIndex, name: str) -> None:
    best = _search(index, name)[0]
    assert best.entry_id != UNREAD
    assert best.score >= THRESHOLD


@pytest.mark.parametrize(
    "name", ["حزب الله", "朝鮮光鮮銀行", "朝鮮光鮮銀行 Ltd", "한국은행", "株式会社大阪取引所", "???", "—"]
)
def test_a_name_that_cannot_be_compared_is_no_name_without_a_match(index: ListIndex, name: str) -> None:
    found = [match for match in _search(index, name) if match.score >= THRESHOLD]
    assert {match.list_kind for match in found} == {"ofac-sdn", "ofac-consolidated", "un-consolidated"}
    assert {match.entry_id for match in found} == {UNREAD}
    assert "record its name in Latin letters" in found[0].name


@pytest.mark.parametrize(
    "name",
    [
        "Société Générale",
        "Zażółć Gęślą Jaźń Sp. z o.o.",
        "Публичное акционерное общество Московская Биржа",
        "ΕΛΛΗΝΙΚΑ ΧΡΗΜΑΤΙΣΤΗΡΙΑ",
        "Әзірбайжан Қазақ Банкі",
        "Azərbaycan Beynəlxalq Bank",
        "野村證券株式会社 Nomura Securities Co Ltd",
        "SMBC日興証券株式会社",
        "3i",
    ],
)
def test_a_name_in_letters_that_have_latin_ones_is_compared(index: ListIndex, name: str) -> None:
    assert UNREAD not in {match.entry_id for match in _search(index, name)}


def test_a_name_behind_another_script_hides_no_listed_one(index: ListIndex) -> None:
    plain = index.search(Subject(name="Korea Kwangson Banking Corp"))[0]
    behind = index.search(Subject(name="朝鮮光鮮銀行 Korea Kwangson Banking Corp"))[0]
    assert (behind.entry_id, behind.score) == (plain.entry_id, plain.score)


def test_whom_a_name_resembles_comes_before_whom_it_may_be(index: ListIndex) -> None:
    found = _search(index, "أيمن محمد ربيع الظواهري")
    assert [match.entry_id == UNREAD for match in found] == sorted(
        match.entry_id == UNREAD for match in found
    )
    assert found[-1].entry_id == UNREAD


def test_an_alias_in_two_scripts_is_two_names(document: bytes) -> None:
    entries: list[Entry] = un.read(document)[0]
    names = {alias.name for entry in entries for alias in entry.names}
    assert names >= {"Jin Tiesan", "金铁三", "Amir Khazmat", "Амир Хазмат", "華信船務(香港)有限公司"}
    assert names >= {
        "هيئة تحرير الشام",
        "Abu- Shayma",
        "حاجى مالك نورزى",
        "Hajji Malak Noorzai",
    }
    assert not [name for name in names if all(by_script(name)) or "original script" in name]


@given(ARABIC)
def test_letters_that_keyboards_exchange_are_one(name: str) -> None:
    other = name.translate(EXCHANGED)
    assert words(other) == words(name)


@given(st.text(max_size=60))
def test_a_name_is_taken_apart_without_a_letter_lost(name: str) -> None:
    taken = "".join(by_script(name))
    assert sorted(_visible(taken)) == sorted(_visible(unicodedata.normalize("NFKC", name)))


def _visible(text: str) -> str:
    return "".join(text.split())


@given(st.text(max_size=40))
def test_whatever_cannot_be_compared_is_said(name: str) -> None:
    found = ListIndex({"ofac-sdn": []}).search(Subject(name=name))
    assert (UNREAD in {match.entry_id for match in found}) != by_script(name).readable
