"""Names as the screening sees them, and how it scores them."""

import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.screening import evaluation
from compliance.screening.domain import FLOOR, PARTIES, Alias, EntityType, Entry
from compliance.screening.index import ListIndex, Subject
from compliance.screening.matching import compare, likeness
from compliance.screening.names import words

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[4] / "data"
VOCABULARY = (
    "aero",
    "caribbean",
    "bank",
    "kunlun",
    "trading",
    "limited",
    "al",
    "mohammed",
    "husayn",
    "j",
    "neft",
)
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=6)
TEXT = st.text(max_size=60)


def _weigh(word: str) -> float:
    return 0.2 if word == "limited" else float(len(word))


def _entry(entry_id: str, *names: str, **details: object) -> Entry:
    known = {"entity_type": EntityType.ORGANISATION, "countries": (), "identifiers": (), "programmes": ()}
    aliases = tuple(Alias(name=name) for name in names)
    return Entry(entry_id=entry_id, names=aliases, **{**known, **details})  # type: ignore[arg-type]


def _best(index: ListIndex, name: str, **details: object) -> Decimal:
    matches = index.search(Subject(name=name, **details))  # type: ignore[arg-type]
    return matches[0].score if matches else Decimal(0)


@pytest.fixture(scope="module")
def real() -> tuple[ListIndex, dict[str, list[Entry]]]:
    lists = evaluation.read_lists(DATA / "sanctions")
    return ListIndex(lists), lists


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("AERO-CARIBBEAN", "aero caribbean"),
        ("G.L.G. S.A.", "glg sa"),
        ("Société Générale", "societe generale"),
        ("Ålandsbanken Abp", "alandsbanken abp"),
        ("АЛАРИК КЕПИТЪЛ", "alarik kepitl"),
        ("GRP SRVCS INTL", "group services international"),
        ("NU'MAN Al-Hussain", "numan al hussein"),
        ("Straße A/S", "strasse as"),
    ],
)
def test_names_are_brought_to_one_alphabet_and_spelling(written: str, known: str) -> None:
    assert words(written) == tuple(known.split())


@given(TEXT)
def test_no_text_is_too_odd_to_be_a_name(text: str) -> None:
    found = words(text)
    assert words(" ".join(found)) is not None
    assert all(word == word.casefold() for word in found)


@given(WORDS, WORDS, st.randoms())
def test_the_order_of_words_plays_no_part(ours: list[str], theirs: list[str], order: random.Random) -> None:
    shuffled = list(ours)
    order.shuffle(shuffled)
    if {a + b for a in ours for b in ours} & set(theirs):
        return
    assert compare(shuffled, theirs, _weigh).score == pytest.approx(compare(ours, theirs, _weigh).score)


@given(WORDS, WORDS)
def test_likeness_is_mutual(ours: list[str], theirs: list[str]) -> None:
    assert compare(ours, theirs, _weigh).score == pytest.approx(compare(theirs, ours, _weigh).score)


@given(WORDS)
def test_a_name_is_wholly_like_itself_and_nothing_is_more(name: list[str]) -> None:
    assert compare(name, name, _weigh).score == pytest.approx(100)


@given(WORDS, WORDS)
def test_a_score_is_a_percentage(ours: list[str], theirs: list[str]) -> None:
    assert 0 <= compare(ours, theirs, _weigh).score <= 100 + 1e-9


@pytest.mark.parametrize(
    ("ours", "theirs", "alike"),
    [
        ("sepah", "sepah", True),
        ("sepah", "speah", True),
        ("kunlun", "kunlum", True),
        ("qadhafi", "kaddafi", True),
        ("m", "mohammed", True),
        ("ali", "alu", False),
        ("galaxy", "glgsa", False),
        ("m23", "m24", False),
        ("bush", "habbash", False),
    ],
)
def test_words_are_alike_when_mistyped_heard_or_shortened(ours: str, theirs: str, *, alike: bool) -> None:
    assert (likeness(ours, theirs) > 0) == alike


def test_a_legal_form_alone_says_nothing() -> None:
    index = ListIndex({"ofac-sdn": [_entry("1", "HARBOUR CORP"), _entry("2", "GLOBAL TRADING CO LTD")]})
    assert _best(index, "Meadow Corp") < FLOOR
    assert _best(index, "Harbour Limited") > 90
    assert _best(index, "Global Meadow Trading Company Limited") < 80


def test_contradictions_lower_the_score_and_say_so() -> None:
    listed = _entry("1", "KUNLUN NEFT", countries=("CN",))
    person = _entry("2", "SEPAH, Ali", entity_type=EntityType.PERSON)
    index = ListIndex({"ofac-sdn": [listed, person]})
    assert _best(index, "Kunlun Neft", country="CN") == 100
    assert _best(index, "Kunlun Neft", country="FR") < 100
    [match] = index.search(Subject(name="Aly Sepahh", entity_type=EntityType.ORGANISATION))
    assert match.score < 80
    assert "the listed one is a person: -25" in match.features
    assert _best(index, "Aly Sepahh", entity_type=EntityType.PERSON) == match.score + 25
    assert _best(index, "Aly Sepahh") == match.score + 25


def test_who_bears_the_whole_name_of_a_listed_party_is_not_cleared_by_a_kind() -> None:
    person = _entry("1", "SEPAH, Ali Reza", entity_type=EntityType.PERSON)
    vessel = _entry("2", "KUNLUN NEFT", entity_type=EntityType.VESSEL)
    index = ListIndex({"ofac-sdn": [person, vessel]})
    [match] = index.search(Subject(name="Ali Reza Sepah Ltd", entity_type=EntityType.ORGANISATION))
    assert match.score > 90
    assert "the listed one is a person: -5" in match.features
    assert _best(index, "Ali Reza Sepah") == 100
    assert _best(index, "Kunlun Neft", entity_type=EntityType.VESSEL) == 100
    assert _best(index, "Kunlun Neft") == 60, "ships trade with nobody"


def test_an_identifier_overrides_every_name() -> None:
    listed = _entry("1", "KUNLUN NEFT", identifiers=("BIC:CKLBCNBJ", "LEI:253400V1H6ART1UQ0N98"))
    index = ListIndex({"ofac-sdn": [listed]})
    [match] = index.search(Subject(name="Sunny Meadows", identifiers=("BIC:CKLBCNBJ",)))
    assert (match.score, match.features) == (Decimal(100), ("same identifier BIC:CKLBCNBJ",))
    other_lei = index.search(Subject(name="Kunlun Neft", identifiers=("LEI:529900T8BM49AURSDO55",)))
    assert "the listed one has another LEI: -20" in other_lei[0].features


def test_one_more_alias_never_hides_a_match() -> None:
    plain = ListIndex({"ofac-sdn": [_entry("1", "KUNLUN NEFT")]})
    richer = ListIndex({"ofac-sdn": [_entry("1", "KUNLUN NEFT", "SEPAH TRADING")]})
    for name in ("Kunlun Neft", "Kunlum Neft Ltd", "Sepah Trading"):
        assert _best(richer, name) >= _best(plain, name) - 1


def test_every_listed_name_finds_its_own_entry(real: tuple[ListIndex, dict[str, list[Entry]]]) -> None:
    index, lists = real
    draw = random.Random(7)
    for entry in draw.sample(lists["ofac-sdn"], 150):
        name = draw.choice([alias for alias in entry.names if not alias.weak])
        found = index.search(Subject(name=name.name, entity_type=entry.entity_type))
        assert entry.entry_id in {match.entry_id for match in found if match.score > 99}, name


@pytest.mark.parametrize("stated", [None, EntityType.PERSON, EntityType.ORGANISATION])
def test_no_listed_party_is_cleared_by_what_somebody_says_it_is(
    real: tuple[ListIndex, dict[str, list[Entry]]], stated: EntityType | None
) -> None:
    index, lists = real
    parties = [entry for kind in sorted(lists) for entry in lists[kind] if entry.entity_type in PARTIES]
    for entry in random.Random(11).sample(parties, 150):
        found = index.search(Subject(name=entry.names[0].name, entity_type=stated))
        assert entry.entry_id in {match.entry_id for match in found if match.score >= 90}, entry.names[0]


def test_disguised_names_are_found_and_real_firms_rarely_accused(
    real: tuple[ListIndex, dict[str, list[Entry]]],
) -> None:
    index, lists = real
    found = {name: rates["80"] for name, rates in evaluation.recall(index, lists, 150).items()}
    assert found["as listed"] == 1
    assert found["word order"] >= 0.98
    assert found["other legal form"] >= 0.98
    assert found["words run together"] >= 0.97
    assert found["one typo"] >= 0.93
    assert found["an initial"] >= 0.93
    assert found["a branch"] >= 0.93
    assert found["second names left out"] >= 0.95
    parties = list(evaluation.read_parties(DATA / "parties" / "venue_operators_and_brokers.csv"))
    assert evaluation.specificity(index, parties)["80"] >= 0.99
