"""What may happen to an employment, in any order."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backoffice_events.contracts.hr import Employee, EmploymentStatus, Licence
from backoffice_events.contracts.vocabulary import InstrumentType
from hr.employees import domain
from hr.employees.domain import EmployeeEvent, status_on
from hr.employees.timeline import EmploymentRefusedError

pytestmark = pytest.mark.unit

JOINED = date(2024, 1, 8)
EQUITIES = Licence(product=InstrumentType.EQUITY, valid_from=JOINED)


def joined(*licences: Licence) -> Employee:
    return domain.hire("E1", "Trading", JOINED, licences).employee


def after(event: EmployeeEvent | None) -> Employee:
    assert event is not None
    return event.employee


def timeline_of(employee: Employee) -> list[tuple[str, date]]:
    return [(entry.status.value, entry.effective_from) for entry in employee.employment]


def test_nobody_is_employed_before_the_first_day() -> None:
    assert status_on(joined(), JOINED - timedelta(days=1)) is None
    assert status_on(joined(), JOINED) is EmploymentStatus.EMPLOYED


def test_the_last_day_is_still_worked_and_licences_end_with_it() -> None:
    left = after(domain.terminate(joined(EQUITIES), date(2026, 11, 20)))
    assert status_on(left, date(2026, 11, 20)) is EmploymentStatus.EMPLOYED
    assert status_on(left, date(2026, 11, 21)) is EmploymentStatus.TERMINATED
    assert left.licences[0].valid_to == date(2026, 11, 20)


def test_a_termination_said_twice_changes_nothing() -> None:
    left = after(domain.terminate(joined(), date(2026, 11, 20)))
    assert domain.terminate(left, date(2026, 11, 20)) is None


def test_nobody_leaves_before_they_came_or_between_two_employments() -> None:
    with pytest.raises(EmploymentRefusedError, match=f"the next begins on {JOINED}"):
        domain.terminate(joined(), JOINED - timedelta(days=2))
    left = after(domain.terminate(joined(), date(2026, 11, 20)))
    back = after(domain.rehire(left, date(2027, 1, 4)))
    with pytest.raises(EmploymentRefusedError, match="the next begins on 2027-01-04"):
        domain.terminate(back, date(2026, 11, 21))


def test_a_termination_is_postponed_and_licences_that_ended_with_it_are_granted_anew() -> None:
    notice = after(domain.terminate(joined(EQUITIES), date(2026, 11, 20)))
    postponed = after(domain.terminate(notice, date(2026, 12, 31)))
    assert timeline_of(postponed) == [("EMPLOYED", JOINED), ("TERMINATED", date(2027, 1, 1))]
    assert postponed.licences[0].valid_to == date(2026, 11, 20)
    again = Licence(product=InstrumentType.EQUITY, valid_from=date(2026, 11, 21), valid_to=date(2026, 12, 31))
    assert len(after(domain.grant_licence(postponed, again)).licences) == 2


def test_a_termination_takes_the_place_of_what_was_planned_after_it() -> None:
    away = after(domain.put_on_leave(joined(), date(2026, 3, 2), date(2026, 3, 6)))
    left = after(domain.terminate(away, date(2026, 12, 31)))
    planned = after(domain.rehire(left, date(2027, 6, 1)))
    dismissed = after(domain.terminate(planned, date(2026, 1, 31)))
    assert timeline_of(dismissed) == [("EMPLOYED", JOINED), ("TERMINATED", date(2026, 2, 1))]
    back = after(domain.rehire(dismissed, date(2026, 2, 1)))
    assert status_on(back, date(2026, 3, 2)) is EmploymentStatus.EMPLOYED


def test_somebody_under_notice_is_dismissed_at_once() -> None:
    notice = after(domain.terminate(joined(EQUITIES), date(2026, 11, 20)))
    dismissed = after(domain.terminate(notice, date(2026, 10, 1)))
    assert status_on(dismissed, date(2026, 10, 1)) is EmploymentStatus.EMPLOYED
    assert status_on(dismissed, date(2026, 10, 2)) is EmploymentStatus.TERMINATED
    assert [entry.status for entry in dismissed.employment] == ["EMPLOYED", "TERMINATED"]
    assert dismissed.licences[0].valid_to == date(2026, 10, 1)


def test_a_day_has_one_status() -> None:
    away = after(domain.put_on_leave(joined(), JOINED, JOINED))
    longer = after(domain.put_on_leave(away, JOINED + timedelta(days=1), None))
    assert [entry.status for entry in longer.employment] == ["ON_LEAVE", "ON_LEAVE"]
    left = after(domain.terminate(joined(), JOINED))
    back = after(domain.rehire(left, JOINED + timedelta(days=1)))
    assert [entry.status for entry in back.employment] == ["EMPLOYED", "EMPLOYED"]


def test_a_leave_with_a_last_day_ends_by_itself() -> None:
    away = after(domain.put_on_leave(joined(), date(2026, 3, 2), date(2026, 3, 6)))
    days = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 6), date(2026, 3, 7)]
    assert [status_on(away, day) for day in days] == ["EMPLOYED", "ON_LEAVE", "ON_LEAVE", "EMPLOYED"]


@pytest.mark.parametrize("last_day", [date(2024, 12, 31), None])
def test_a_leave_up_to_the_last_day_leads_straight_into_the_end(last_day: date | None) -> None:
    notice = after(domain.terminate(joined(), date(2024, 12, 31)))
    away = after(domain.put_on_leave(notice, date(2024, 8, 8), last_day))
    assert timeline_of(away) == [
        ("EMPLOYED", JOINED),
        ("ON_LEAVE", date(2024, 8, 8)),
        ("TERMINATED", date(2025, 1, 1)),
    ]
    assert domain.put_on_leave(away, date(2024, 8, 8), last_day) is None
    postponed = after(domain.terminate(away, date(2025, 1, 31)))
    assert status_on(postponed, date(2025, 1, 31)) is EmploymentStatus.ON_LEAVE


def test_a_leave_is_recorded_before_one_that_is_planned() -> None:
    planned = after(domain.put_on_leave(joined(), date(2024, 9, 2), date(2024, 9, 13)))
    away = after(domain.put_on_leave(planned, date(2024, 8, 8), date(2024, 8, 9)))
    assert timeline_of(away) == [
        ("EMPLOYED", JOINED),
        ("ON_LEAVE", date(2024, 8, 8)),
        ("EMPLOYED", date(2024, 8, 10)),
        ("ON_LEAVE", date(2024, 9, 2)),
        ("EMPLOYED", date(2024, 9, 14)),
    ]
    back = after(domain.return_from_leave(away, date(2024, 8, 9)))
    assert timeline_of(back)[2:] == [("EMPLOYED", date(2024, 8, 9)), *timeline_of(planned)[1:]]


def test_a_leave_up_to_the_day_before_another_leads_straight_into_it() -> None:
    planned = after(domain.put_on_leave(joined(), date(2024, 9, 2), date(2024, 9, 13)))
    away = after(domain.put_on_leave(planned, date(2024, 8, 8), date(2024, 9, 1)))
    assert timeline_of(away)[1:] == [("ON_LEAVE", date(2024, 8, 8)), *timeline_of(planned)[1:]]


def test_a_leave_is_taken_across_one_that_did_not_take_place() -> None:
    planned = after(domain.put_on_leave(joined(), date(2024, 9, 2), date(2024, 9, 13)))
    cancelled = after(domain.return_from_leave(planned, date(2024, 9, 2)))
    for last_day in (date(2024, 9, 30), None):
        away = after(domain.put_on_leave(cancelled, date(2024, 8, 8), last_day))
        assert status_on(away, date(2024, 9, 30)) is EmploymentStatus.ON_LEAVE


NOTICE = after(domain.terminate(joined(), date(2024, 12, 31)))
PLANNED = after(domain.put_on_leave(NOTICE, date(2024, 9, 2), date(2024, 9, 13)))


@pytest.mark.parametrize(
    ("first_day", "last_day", "advice"),
    [
        (date(2024, 1, 7), None, "must be 2024-01-08 or later: not employed before"),
        (date(2024, 8, 8), None, "must be 2024-09-01 or earlier: another leave is planned from 2024-09-02"),
        (date(2024, 8, 8), date(2024, 9, 2), "must be 2024-09-01 or earlier: another leave"),
        (date(2024, 9, 10), date(2024, 9, 20), "on leave from 2024-09-02 on: record the return"),
        (
            date(2024, 9, 20),
            date(2025, 1, 1),
            "must be 2024-12-31 or earlier, or left out: the employment ends",
        ),
        (date(2025, 1, 1), date(2025, 1, 2), "must be before 2025-01-01: TERMINATED from then on"),
    ],
)
def test_a_leave_that_runs_into_something_else_is_refused_with_what_would_do(
    first_day: date, last_day: date | None, advice: str
) -> None:
    with pytest.raises(EmploymentRefusedError, match=advice):
        domain.put_on_leave(PLANNED, first_day, last_day)


def test_a_leaver_may_come_back_from_leave_before_the_last_day() -> None:
    notice = after(domain.terminate(joined(), date(2024, 12, 31)))
    away = after(domain.put_on_leave(notice, date(2024, 8, 8), None))
    back = after(domain.return_from_leave(away, date(2024, 12, 2)))
    assert timeline_of(back)[-2:] == [("EMPLOYED", date(2024, 12, 2)), ("TERMINATED", date(2025, 1, 1))]


def test_an_open_leave_ends_with_the_return() -> None:
    away = after(domain.put_on_leave(joined(), date(2026, 3, 2), None))
    assert status_on(away, date(2027, 3, 2)) is EmploymentStatus.ON_LEAVE
    back = after(domain.return_from_leave(away, date(2026, 9, 1)))
    assert status_on(back, date(2026, 9, 1)) is EmploymentStatus.EMPLOYED


@pytest.mark.parametrize("first_day_back", [date(2026, 3, 4), date(2026, 3, 12)])
def test_a_return_may_be_another_than_was_planned(first_day_back: date) -> None:
    away = after(domain.put_on_leave(joined(), date(2026, 3, 2), date(2026, 3, 6)))
    back = after(domain.return_from_leave(away, first_day_back))
    assert status_on(back, first_day_back - timedelta(days=1)) is EmploymentStatus.ON_LEAVE
    assert status_on(back, first_day_back) is EmploymentStatus.EMPLOYED
    assert len(back.employment) == len(away.employment)


def test_a_leave_may_turn_out_not_to_take_place() -> None:
    away = after(domain.put_on_leave(joined(), date(2026, 3, 2), date(2026, 3, 6)))
    back = after(domain.return_from_leave(away, date(2026, 3, 2)))
    assert {entry.status for entry in back.employment} == {EmploymentStatus.EMPLOYED}


def test_nobody_comes_back_who_was_not_away() -> None:
    away = after(domain.put_on_leave(joined(), date(2026, 3, 2), date(2026, 3, 6)))
    left = after(domain.terminate(away, date(2026, 3, 31)))
    for employee, day in ((joined(), date(2026, 3, 2)), (away, date(2026, 3, 1)), (left, date(2026, 4, 1))):
        with pytest.raises(EmploymentRefusedError, match="no leave to come back from"):
            domain.return_from_leave(employee, day)


def test_licences_for_one_product_do_not_overlap() -> None:
    with pytest.raises(EmploymentRefusedError, match="overlaps"):
        domain.grant_licence(
            joined(EQUITIES), Licence(product=InstrumentType.EQUITY, valid_from=date(2026, 1, 1))
        )
    ended = after(domain.end_licence(joined(EQUITIES), InstrumentType.EQUITY, date(2025, 12, 31)))
    again = Licence(product=InstrumentType.EQUITY, valid_from=date(2026, 1, 1))
    assert len(after(domain.grant_licence(ended, again)).licences) == 2


def test_a_licence_is_granted_only_while_employed() -> None:
    early = Licence(product=InstrumentType.BOND, valid_from=JOINED - timedelta(days=1))
    with pytest.raises(EmploymentRefusedError, match="does not employ"):
        domain.grant_licence(joined(), early)


def test_whoever_is_hired_again_has_no_licence() -> None:
    left = after(domain.terminate(joined(EQUITIES), date(2025, 6, 30)))
    back = after(domain.rehire(left, date(2026, 1, 5)))
    assert status_on(back, date(2026, 1, 5)) is EmploymentStatus.EMPLOYED
    assert all(licence.valid_to == date(2025, 6, 30) for licence in back.licences)


def test_a_licence_granted_under_notice_ends_with_the_employment_as_one_granted_before_does() -> None:
    notice = after(domain.terminate(joined(), date(2025, 6, 30)))
    licensed = after(domain.grant_licence(notice, EQUITIES))
    assert licensed.licences == after(domain.terminate(joined(EQUITIES), date(2025, 6, 30))).licences
    assert domain.grant_licence(licensed, EQUITIES) is None


def corrected(employee: Employee, hired_on: date) -> EmployeeEvent | None:
    return domain.change(employee, hired_on=hired_on)


def test_a_department_changes_from_a_day_on() -> None:
    moved = after(domain.change(joined(), department="Sales", effective_from=date(2024, 10, 1)))
    assert (moved.department, moved.department_from) == ("Sales", date(2024, 10, 1))
    assert domain.change(moved, department="Sales") is None
    assert domain.change(moved, department="Sales", effective_from=date(2024, 10, 1)) is None
    earlier = after(domain.change(moved, department="Sales", effective_from=date(2024, 9, 1)))
    assert earlier.department_from == date(2024, 9, 1)
    with pytest.raises(
        EmploymentRefusedError, match="must be 2024-10-01 or earlier: from then on they are in Sales"
    ):
        corrected(moved, date(2024, 10, 2))


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({"department": "Sales"}, "effective_from"),
        ({"effective_from": date(2024, 10, 1)}, "department"),
        ({"department": "Sales", "effective_from": JOINED - timedelta(days=1)}, "effective_from"),
        ({"department": "Sales", "effective_from": date(2025, 1, 1)}, "effective_from"),
    ],
)
def test_a_change_of_department_says_which_and_from_when(stated: dict[str, Any], field: str) -> None:
    left = after(domain.terminate(joined(), date(2024, 12, 31)))
    with pytest.raises(EmploymentRefusedError) as refused:
        domain.change(left, **stated)
    assert refused.value.field == field


@pytest.mark.parametrize("first_day", [date(2023, 12, 1), date(2024, 2, 1)])
def test_a_first_day_recorded_wrongly_is_corrected(first_day: date) -> None:
    away = after(domain.put_on_leave(joined(EQUITIES), date(2024, 3, 4), date(2024, 3, 8)))
    right = after(corrected(away, first_day))
    assert timeline_of(right) == [("EMPLOYED", first_day), *timeline_of(away)[1:]]
    assert right.licences == (replace(EQUITIES, valid_from=max(JOINED, first_day)),)
    assert corrected(right, first_day) is None


def test_nobody_was_licensed_before_the_first_day() -> None:
    brief = Licence(product=InstrumentType.BOND, valid_from=JOINED, valid_to=date(2024, 1, 31))
    right = after(corrected(joined(EQUITIES, brief), date(2024, 2, 1)))
    assert right.licences == (replace(EQUITIES, valid_from=date(2024, 2, 1)),)


def test_a_first_day_is_not_moved_past_what_happened() -> None:
    away = after(domain.put_on_leave(joined(), date(2024, 3, 4), date(2024, 3, 8)))
    with pytest.raises(EmploymentRefusedError, match="must be before 2024-03-04: ON_LEAVE from then on"):
        corrected(away, date(2024, 3, 4))
    at_once = after(domain.put_on_leave(joined(), JOINED, date(2024, 3, 8)))
    with pytest.raises(EmploymentRefusedError, match="must be before 2024-01-08"):
        corrected(at_once, date(2024, 1, 9))
    earlier = after(corrected(at_once, date(2024, 1, 2)))
    assert timeline_of(earlier) == [("EMPLOYED", date(2024, 1, 2)), *timeline_of(at_once)]


def test_the_first_day_of_who_was_hired_again_is_that_of_the_latest_employment() -> None:
    left = after(domain.terminate(joined(EQUITIES), date(2025, 6, 30)))
    back = after(domain.rehire(left, date(2026, 1, 5)))
    right = after(corrected(back, date(2025, 12, 1)))
    assert timeline_of(right) == [*timeline_of(left), ("EMPLOYED", date(2025, 12, 1))]
    assert right.licences == left.licences
    with pytest.raises(EmploymentRefusedError, match="must be 2025-07-01 or later"):
        corrected(back, date(2025, 6, 30))


days = st.dates(date(2023, 12, 1), date(2027, 1, 1))
products = st.sampled_from(InstrumentType)
steps: st.SearchStrategy[Callable[[Employee], EmployeeEvent | None]] = st.one_of(
    st.builds(lambda day: lambda e: domain.terminate(e, day), days),
    st.builds(lambda day: lambda e: domain.rehire(e, day), days),
    st.builds(lambda day: lambda e: corrected(e, day), days),
    st.builds(
        lambda day, length: lambda e: domain.put_on_leave(e, day, _end(day, length)), days, st.integers(0, 9)
    ),
    st.builds(lambda day: lambda e: domain.return_from_leave(e, day), days),
    st.builds(lambda p, day: lambda e: domain.end_licence(e, p, day), products, days),
    st.builds(
        lambda p, day, length: (
            lambda e: domain.grant_licence(e, Licence(product=p, valid_from=day, valid_to=_end(day, length)))
        ),
        products,
        days,
        st.integers(0, 900),
    ),
)


def _end(day: date, length: int) -> date | None:
    return day + timedelta(days=length) if length else None


def applied(steps: list[Callable[[Employee], EmployeeEvent | None]]) -> list[Employee]:
    states = [joined()]
    for step in steps:
        try:
            event = step(states[-1])
        except EmploymentRefusedError:
            continue
        if event is not None:
            states.append(event.employee)
    return states


@given(st.lists(steps, max_size=12))
def test_whatever_happens_the_record_stays_sound(
    steps: list[Callable[[Employee], EmployeeEvent | None]],
) -> None:
    states = applied(steps)
    assert [state.version for state in states] == list(range(1, len(states) + 1))
    last = states[-1]
    dates = [entry.effective_from for entry in last.employment]
    assert dates == sorted(set(dates))
    for product in InstrumentType:
        held = sorted((x.valid_from, x.valid_to or date.max) for x in last.licences if x.product is product)
        assert all(start <= end for start, end in held)
        assert all(held[i][1] < held[i + 1][0] for i in range(len(held) - 1))


@given(st.lists(steps, max_size=8), steps)
def test_a_step_said_twice_is_taken_once(
    before: list[Callable[[Employee], EmployeeEvent | None]], step: Callable[[Employee], EmployeeEvent | None]
) -> None:
    employee = applied(before)[-1]
    once = applied([*before, step])[-1]
    if once is not employee and once != employee:
        assert applied([*before, step, step])[-1] == once


@given(st.lists(steps, max_size=12))
def test_the_end_of_an_employment_is_followed_by_a_hiring_alone(
    steps: list[Callable[[Employee], EmployeeEvent | None]],
) -> None:
    statuses = [entry.status for entry in applied(steps)[-1].employment]
    assert statuses[0] is not EmploymentStatus.TERMINATED
    followers = {after for status, after in pairwise(statuses) if status is EmploymentStatus.TERMINATED}
    assert EmploymentStatus.TERMINATED not in followers


@given(st.lists(steps, max_size=12))
def test_no_licence_outlasts_the_employment_that_it_was_granted_in(
    steps: list[Callable[[Employee], EmployeeEvent | None]],
) -> None:
    last = applied(steps)[-1]
    ends = [each.effective_from for each in last.employment if each.status is EmploymentStatus.TERMINATED]
    for licence in last.licences:
        assert not any(licence.valid_from < end <= (licence.valid_to or date.max) for end in ends)


@given(st.lists(steps, max_size=8), days, st.integers(0, 400))
def test_a_leave_changes_its_own_days_alone(
    steps: list[Callable[[Employee], EmployeeEvent | None]], first_day: date, length: int
) -> None:
    known, last_day = applied(steps)[-1], _end(first_day, length)
    try:
        event = domain.put_on_leave(known, first_day, last_day)
    except EmploymentRefusedError:
        return
    if event is None:
        return
    on_leave = EmploymentStatus.ON_LEAVE
    for day in (date(2023, 12, 1) + timedelta(days=n) for n in range(1_600)):
        was, is_now = status_on(known, day), status_on(event.employee, day)
        if first_day <= day <= (last_day or date.max) and was is EmploymentStatus.EMPLOYED:
            assert is_now is on_leave or last_day is None
        else:
            assert is_now is was
    assert status_on(event.employee, last_day or first_day) is on_leave
    kept = [entry for entry in known.employment if entry.effective_from > (last_day or date.max)]
    assert set(kept) <= set(event.employee.employment)
