"""What may happen to an employment, in any order."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.contracts.hr import Employee, EmploymentStatus, Licence
from backoffice_events.contracts.vocabulary import InstrumentType
from hr.employees import domain
from hr.employees.domain import EmployeeEvent, EmploymentRefusedError, status_on

pytestmark = pytest.mark.unit

JOINED = date(2024, 1, 8)
EQUITIES = Licence(product=InstrumentType.EQUITY, valid_from=JOINED)


def joined(*licences: Licence) -> Employee:
    return domain.hire("E1", "Trading", JOINED, licences).employee


def after(event: EmployeeEvent | None) -> Employee:
    assert event is not None
    return event.employee


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


def test_nobody_leaves_before_they_came_or_after_they_left() -> None:
    with pytest.raises(EmploymentRefusedError, match="does not employ"):
        domain.terminate(joined(), JOINED - timedelta(days=2))
    left = after(domain.terminate(joined(), date(2026, 11, 20)))
    with pytest.raises(EmploymentRefusedError, match="does not employ"):
        domain.terminate(left, date(2026, 11, 21))


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
    for employee, day in ((joined(), date(2026, 3, 2)), (away, date(2026, 3, 1)), (left, date(2026, 3, 4))):
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


days = st.dates(date(2023, 12, 1), date(2027, 1, 1))
products = st.sampled_from(InstrumentType)
steps: st.SearchStrategy[Callable[[Employee], EmployeeEvent | None]] = st.one_of(
    st.builds(lambda day: lambda e: domain.terminate(e, day), days),
    st.builds(lambda day: lambda e: domain.rehire(e, day), days),
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
