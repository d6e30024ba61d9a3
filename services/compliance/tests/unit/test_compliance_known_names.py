"""Names that a sanctions officer would try, and names that only look like them, against the lists that ship."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.screening import evaluation
from compliance.screening.additions import branch, second_names
from compliance.screening.domain import Counterparty, EntityType
from compliance.screening.index import ListIndex, Subject
from compliance.screening.jobs import subject_of
from compliance.screening.postings import Postings

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[4] / "data"
THRESHOLD = 80


@pytest.fixture(scope="module")
def index() -> ListIndex:
    return ListIndex(evaluation.read_lists(DATA / "sanctions"))


def _score(index: ListIndex, name: str, kind: EntityType | None) -> Decimal:
    found = index.search(Subject(name=name, entity_type=kind))
    return found[0].score if found else Decimal(0)


@pytest.mark.parametrize(
    "name",
    [
        "Hezbollah",
        "Hizbullah",
        "Al-Qaeda",
        "Al Shabab",
        "Jabhat al-Nusra",
        "Jaysh-e-Mohammed",
        "Lashkar-e-Taiba",
        "Khatam ol Anbia",
        "Rosoboroneksport OAO",
        "Vnesheconombank",
        "Bank Melli Iran, London branch",
        "Bank Melli Iran (Paris Branch)",
        "Bank Saderat PLC London",
        "Bank Saderat Iran, Frankfurt Branch",
        "Bank Sepah International, Head Office",
        "Bank Sepah Rome Branch",
        "Bank Mellat Seoul Branch",
        "Bank Mellat Turkey",
        "Mahan Air Dubai office",
        "Mahan Airlines",
        "Mahan Airways",
        "Rosoboronexport State Corporation",
        "Commercial Bank of Syria Damascus",
        "Korea Kwangson Banking Corp Beijing representative office",
        "Banco Nacional de Cuba Zurich representative office",
        "Foreign Trade Bank of North Korea Moscow branch",
        "Gazprombank Switzerland Ltd",
    ],
)
def test_a_listed_organisation_is_found_in_other_spellings_and_by_its_branches(
    index: ListIndex, name: str
) -> None:
    assert _score(index, name, EntityType.ORGANISATION) >= THRESHOLD


@pytest.mark.parametrize(
    "name",
    [
        "Viktor Bout",
        "Victor Bout",
        "Oleg Deripaska",
        "Nicolas Maduro",
        "Gennadiy Timchenko",
        "Arkadii Rotenberg",
        "Ramzan Kadirov",
        "Ghassem Soleymani",
        "Hasan Nasralla",
        "Osama Ben Ladin",
        "Ayman al Zawahri",
        "Aiman Zawahiri",
        "Bashar Assad",
    ],
)
def test_a_listed_person_is_found_by_the_names_in_daily_use(index: ListIndex, name: str) -> None:
    assert _score(index, name, EntityType.PERSON) >= THRESHOLD


@pytest.mark.parametrize(
    "name", ["BOUT, Viktor Anatolijevitch", "Viktor Bout", "Usama bin Ladin", "Igor Sechin"]
)
def test_a_listed_person_who_trades_under_an_lei_is_found(index: ListIndex, name: str) -> None:
    party = Counterparty(lei="529900T8BM49AURSDO55", version=1, name=name, bic="AEROUS33XXX", country=None)
    assert index.search(subject_of(party))[0].score >= THRESHOLD


@pytest.mark.parametrize("kind", [None, EntityType.ORGANISATION])
@pytest.mark.parametrize(
    "name",
    [
        "Deutsche Bank AG London Branch",
        "Deutsche Bank AG, Filiale New York",
        "BNP Paribas Singapore Branch",
        "Standard Chartered Bank Hong Kong Branch",
        "Mizuho Bank Ltd Seoul Branch",
        "State Bank of India, Frankfurt Branch",
        "National Bank of Egypt London Branch",
        "Bank of Baroda Dubai",
        "Bank of Cyprus",
        "Arab Bank plc",
        "London Branch Capital Ltd",
        "Paris Office Properties SA",
        "Head Office Supplies Ltd",
        "Melli Foods Ltd",
        "Mahan Industries Ltd",
        "Sepahan Oil",
        "Mellat Park Hotel",
        "Moscow Exchange",
        "Damascus Steel LLC",
        "Tehran Restaurant Ltd",
        "Invesco",
        "Galaxy Digital",
        "Rossini Bank",
        "Hamasaki Holdings",
    ],
)
def test_a_firm_that_only_looks_like_a_listed_one_is_not_accused(
    index: ListIndex, name: str, kind: EntityType | None
) -> None:
    assert _score(index, name, kind) < THRESHOLD


@pytest.mark.parametrize("kind", [None, EntityType.PERSON])
@pytest.mark.parametrize(
    "name",
    [
        "Victor Button",
        "Victor Scout",
        "Vincent Boot",
        "Peter Boutros",
        "Oleg Petrov",
        "Igor Sikorsky",
        "Hassan Rahman",
        "Nicholas Madden",
        "Ramzan Ali",
        "George Bush",
    ],
)
def test_a_person_who_shares_part_of_a_listed_name_is_not_accused(
    index: ListIndex, name: str, kind: EntityType | None
) -> None:
    assert _score(index, name, kind) < THRESHOLD


def test_of_the_shipped_counterparties_six_resemble_a_listed_party(index: ListIndex) -> None:
    parties = evaluation.read_parties(DATA / "parties" / "venue_operators_and_brokers.csv")
    subjects = [Subject(name=name, country=country) for name, country in parties]
    held = {subject.name for subject in subjects if evaluation.top_score(index, subject) >= THRESHOLD}
    assert held == {
        "GPB-FINANCIAL SERVICES LIMITED",
        "VTB CAPITAL PLC",
        "FTSEF LLC",
        "GALAXY",
        "EURO-FINANCE AD",
        "DSK BANK",
    }


@pytest.mark.parametrize("name", ["Mahan Airlines", "Mahan Airways", "Mahan Air"])
def test_the_one_that_is_meant_ranks_first(index: ListIndex, name: str) -> None:
    assert index.search(Subject(name=name))[0].name == "MAHAN AIR"


def test_what_counted_less_is_said(index: ListIndex) -> None:
    found = index.search(Subject(name="Bank Melli Iran, London branch"))
    assert "often left out, so it counts less: branch, london" in found[0].features


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("bank mellat seoul branch", {"seoul", "branch"}),
        ("bank mellat hong kong branch", {"hong", "kong", "branch"}),
        ("deutsche bank ag filiale paris", {"filiale", "paris"}),
        ("bank of cyprus", set()),
        ("melli branch", {"branch"}),
        ("head office", set()),
        ("moscow exchange", set()),
        ("rosatom state corporation", {"state"}),
        ("state bank ltd", set()),
        ("state company", set()),
    ],
)
def test_a_branch_is_what_stands_behind_a_name(name: str, added: set[str]) -> None:
    assert branch(name.split()) == added


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("BOUT, Viktor Anatolijevitch", {"anatolijevitch"}),
        ("MADURO MOROS, Nicolas", {"moros"}),
        ("BIN LADIN, Usama", set()),
        ("AL-BAGHDADI, Abu Bakr al-Husayni", {"al", "husayni"}),
        ("KIM, Young-Chol", set()),
        ("MOHAMMAD HASAN RAHMANI", set()),
    ],
)
def test_second_names_are_those_behind_the_first_surname_and_the_first_given_name(
    name: str, left_out: set[str]
) -> None:
    assert second_names(name) == left_out


@given(st.dictionaries(st.text(max_size=8), st.sets(st.integers(0, 2**32 - 1), max_size=5)))
def test_whatever_was_filed_is_found_again(filed: dict[str, set[int]]) -> None:
    postings = Postings((text, number) for text, numbers in filed.items() for number in numbers)
    for text, numbers in filed.items():
        assert numbers <= set(postings.under(text))
