"""The reference data that ships is right by the service's own rules."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backoffice_cli.reference_data import made_up, shipped
from trade_capture.reference import rows
from trade_capture.reference.domain.identifiers import lei_fault
from trade_capture.reference.loading import Load, checked
from trade_capture.reference.resources import RESOURCES

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[4] / "data"
PARTIES = [row["lei"] for row in shipped.counterparties(DATA)]
LOADS = {
    "calendars": shipped.calendars(DATA),
    "settlement-cycles": shipped.settlement_cycles(),
    "instruments": shipped.instruments(DATA),
    "counterparties": shipped.counterparties(DATA),
    "books": made_up.books(),
    "settlement-instructions": made_up.settlement_instructions(PARTIES),
}


@pytest.mark.parametrize("kind", LOADS)
def test_every_row_that_ships_is_taken(kind: str) -> None:
    [resource] = [each for each in RESOURCES if each.kind.name == kind]
    good, refused = rows.parse(resource, LOADS[kind])
    outcome = Load()
    taken = checked(resource.kind, good, outcome)
    assert [*refused, *outcome.refused] == []
    assert len(taken) == len(LOADS[kind]) > 0


def test_every_mapped_instrument_settles_at_a_place_where_all_parties_have_instructions() -> None:
    listed = {(row["isin"], row["mic"]): row for row in LOADS["instruments"]}
    cycles = {(row["mic"], row["instrument_type"]): row for row in LOADS["settlement-cycles"]}
    places = {(row["place_of_settlement"], row["currency"]) for row in LOADS["settlement-instructions"]}
    for row in shipped.mapping(DATA):
        instrument = listed[row["isin"], row["mic"]]
        assert (instrument["currency"], instrument["instrument_type"]) == (
            row["currency"],
            row["instrument_type"],
        )
        cycle = cycles[row["mic"], row["instrument_type"]]
        assert cycle["settlement_calendar"] in shipped.CALENDARS
        assert (cycle["place_of_settlement"], row["currency"]) in places


def test_every_mapped_book_exists() -> None:
    known = {row["book"] for row in LOADS["books"]}
    assert {book for row in shipped.mapping(DATA) for book in row["books"].split("|")} == known


def test_our_own_lei_is_checked_like_any_other_and_nobodys() -> None:
    assert lei_fault(made_up.OWN_LEI) is None
    assert made_up.OWN_LEI not in PARTIES


def products(person: dict[str, Any]) -> Sequence[str]:
    return [licence["product"] for licence in person["licences"]]


def test_the_same_people_are_made_up_each_time() -> None:
    people = made_up.employees(DATA)
    assert people == made_up.employees(DATA)
    assert {person["department"] for person in people if products(person)} == {"Trading"}
    assert any("BOND" in products(person) for person in people)
    assert set(made_up.leavers(people)) < {person["employee_id"] for person in people}
