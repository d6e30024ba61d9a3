"""Which rows of a rule stand on a trade date."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.rules.domain import Outcome, RestrictedListEntry, Rule, standing

pytestmark = pytest.mark.unit

FIRST = date(2024, 8, 1)
TERMS = RestrictedListEntry(isin="US0378331005", outcome=Outcome.HOLD)


def row(begins: int, ends: int | None, approval: int, *, active: bool = True) -> Rule:
    return Rule(
        rule_id=str(approval),
        terms=TERMS,
        valid_from=FIRST + timedelta(days=begins),
        valid_to=None if ends is None else FIRST + timedelta(days=ends),
        active=active,
        approval=approval,
    )


def stands(rules: list[Rule], day: int) -> str | None:
    found = standing(rules, FIRST + timedelta(days=day))
    return found[0].rule_id if found else None


def test_a_row_for_some_days_gives_way_to_the_lasting_one_after_them() -> None:
    rules = [row(0, None, 1), row(3, 5, 2)]
    assert [stands(rules, day) for day in (-1, 0, 3, 5, 6)] == [None, "1", "2", "2", "1"]


def test_a_row_that_begins_on_the_same_day_replaces_the_one_before_for_good() -> None:
    rules = [row(0, None, 1), row(0, 5, 2)]
    assert [stands(rules, day) for day in (0, 5, 6)] == ["2", "2", None]


def test_what_is_not_active_ends_what_stands() -> None:
    rules = [row(0, None, 1), row(3, None, 2, active=False)]
    assert [stands(rules, day) for day in (2, 3, 9)] == ["1", None, None]


DAYS = st.integers(0, 9)


@given(
    lasting=DAYS,
    passing=st.lists(st.tuples(DAYS, DAYS).map(sorted), max_size=4),
    day=DAYS,
)
def test_a_lasting_rule_is_never_left_without_one_by_passing_ones(
    lasting: int, passing: list[list[int]], day: int
) -> None:
    later = [span for span in passing if span[0] != lasting]
    rules = [
        row(lasting, None, 1),
        *(row(begins, ends, number) for number, (begins, ends) in enumerate(later, 2)),
    ]
    if day >= lasting:
        assert stands(rules, day) is not None
