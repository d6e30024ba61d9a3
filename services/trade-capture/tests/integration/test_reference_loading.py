"""Loads of reference data on a real database: versions, history, events, the cache."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backoffice_chassis import Approval, Problem
from backoffice_chassis.approvals import store
from backoffice_events.contracts.hr import Employee, EmployeeHired
from backoffice_events.contracts.reference import BusinessDayClosed, BusinessDayOpened
from backoffice_events.contracts.vocabulary import InstrumentType
from backoffice_events.messaging import Batch, UnitOfWork
from trade_capture.reference import business_days, kinds, loading, proposals
from trade_capture.reference.business_days import Moved
from trade_capture.reference.cache import ReferenceCache
from trade_capture.reference.domain import (
    Calendar,
    Instrument,
    SettlementCycle,
    SettlementInstruction,
)
from trade_capture.reference.domain.business_day import close_day, open_day, roll_day
from trade_capture.reference.handlers import take_employees

pytestmark = pytest.mark.integration

APPLE = Instrument(
    isin="US0378331005",
    mic="XNAS",
    version=0,
    name="Apple Inc.",
    cfi="ESVUFR",
    instrument_type=InstrumentType.EQUITY,
    currency="USD",
    active=True,
    reference_price=Decimal("210.5"),
    price_date=date(2026, 11, 20),
)
US = Calendar(
    calendar="US",
    version=0,
    name="US securities",
    valid_from=date(2026, 1, 1),
    valid_to=date(2026, 12, 31),
    closures=(date(2026, 11, 26), date(2026, 12, 25)),
)
CYCLE = SettlementCycle(
    mic="XNAS",
    instrument_type=InstrumentType.EQUITY,
    effective_from=date(2024, 5, 28),
    version=0,
    days=1,
    settlement_calendar="US",
    place_of_settlement="DTCYUS33XXX",
)
SSI = SettlementInstruction(
    party="549300HBJLRO8YFMI370",
    place_of_settlement="DTCYUS33XXX",
    currency="USD",
    version=0,
    agent_bic="IRVTUS3NXXX",
    safekeeping_account="S-1",
    cash_account="C-1",
    effective_from=date(2026, 1, 1),
    active=True,
)


async def take(unit: UnitOfWork, kind: kinds.Kind, *records: object) -> loading.Load:
    return await loading.load(unit, list(enumerate(records)), kind=kind, recorded_by="loader")


async def test_a_first_load_makes_version_one_and_publishes_it(unit: UnitOfWork) -> None:
    outcome = await take(unit, kinds.INSTRUMENTS, APPLE)
    assert outcome.changed == [replace(APPLE, version=1)]
    assert list(unit.published) == outcome.changed


async def test_a_row_that_says_what_is_known_leaves_no_trace(unit: UnitOfWork) -> None:
    await take(unit, kinds.INSTRUMENTS, APPLE)
    again = await take(unit, kinds.INSTRUMENTS, replace(APPLE, reference_price=Decimal("210.50")))
    assert (again.changed, again.unchanged) == ([], 1)
    assert len(unit.published) == 1


async def test_a_change_makes_the_next_version_and_keeps_the_one_before(unit: UnitOfWork) -> None:
    await take(unit, kinds.INSTRUMENTS, APPLE)
    await take(unit, kinds.INSTRUMENTS, replace(APPLE, active=False))
    history = text("SELECT version, active FROM instrument_version ORDER BY version")
    assert (await unit.connection.execute(history)).all() == [(1, True), (2, False)]
    assert list(unit.published) == [replace(APPLE, version=1), replace(APPLE, version=2, active=False)]


async def test_history_cannot_be_rewritten(unit: UnitOfWork) -> None:
    await take(unit, kinds.INSTRUMENTS, APPLE)
    with pytest.raises(DBAPIError, match="append-only"):
        await unit.connection.execute(text("UPDATE instrument_version SET name = 'x'"))


async def test_bad_rows_are_named_with_every_fault_and_good_rows_taken(unit: UnitOfWork) -> None:
    bad = replace(APPLE, isin="US0378331004", mic="QQQQ", cfi="DBFTFB")
    outcome = await take(unit, kinds.INSTRUMENTS, bad, APPLE, APPLE)
    assert [record.isin for record in outcome.changed] == [APPLE.isin]
    assert [(row.row, [fault.field for fault in row.faults]) for row in outcome.refused] == [
        (0, ["isin", "mic", "cfi"]),
        (2, ["isin"]),
    ]


async def test_the_cache_follows_each_change(unit: UnitOfWork) -> None:
    cache = ReferenceCache()
    assert (await cache.load(unit.connection)).instrument(APPLE.isin, APPLE.mic) is None
    await take(unit, kinds.INSTRUMENTS, APPLE)
    await take(unit, kinds.CALENDARS, US)
    await take(unit, kinds.SETTLEMENT_CYCLES, CYCLE)
    data = await cache.load(unit.connection)
    assert data.instrument(APPLE.isin, APPLE.mic) == replace(APPLE, version=1)
    assert data.settlement_date("XNAS", InstrumentType.EQUITY, date(2026, 11, 25)) == date(2026, 11, 27)
    await take(unit, kinds.SETTLEMENT_CYCLES, replace(CYCLE, days=0))
    later = await cache.load(unit.connection)
    assert later.settlement_date("XNAS", InstrumentType.EQUITY, date(2026, 11, 25)) == date(2026, 11, 25)
    assert data.settlement_date("XNAS", InstrumentType.EQUITY, date(2026, 11, 25)) == date(2026, 11, 27)


async def test_two_caches_that_read_at_different_times_agree(unit: UnitOfWork) -> None:
    early, late = ReferenceCache(), ReferenceCache()
    for active in (True, False, True):
        await take(unit, kinds.INSTRUMENTS, replace(APPLE, active=active))
        await early.load(unit.connection)
    assert await early.load(unit.connection) == await late.load(unit.connection)


async def test_a_changed_settlement_instruction_waits_for_a_second_person(unit: UnitOfWork) -> None:
    first = await proposals.load_settlement_instructions(unit, [(0, SSI)], recorded_by="maker")
    assert [record.version for record in first.changed] == [1]
    moved = replace(SSI, cash_account="C-2", effective_from=date(2026, 12, 1))
    second = await proposals.load_settlement_instructions(unit, [(0, moved)], recorded_by="maker")
    assert (second.changed, second.proposed, len(unit.published)) == ([], 1, 1)
    again = await proposals.load_settlement_instructions(unit, [(0, moved)], recorded_by="maker")
    assert (again.proposed, again.unchanged) == (0, 1)
    other = replace(SSI, cash_account="C-3")
    refused = await proposals.load_settlement_instructions(unit, [(0, other)], recorded_by="maker")
    assert [row.row for row in refused.refused] == [0]


async def proposed(unit: UnitOfWork) -> Approval:
    await proposals.load_settlement_instructions(unit, [(0, SSI)], recorded_by="maker")
    moved = replace(SSI, cash_account="C-2", effective_from=date(2026, 12, 1))
    await proposals.load_settlement_instructions(unit, [(0, moved)], recorded_by="maker")
    [waiting] = await store.waiting(unit, proposals.CHANGES)
    return replace(waiting, decided_by="checker")


async def test_an_approved_change_holds_from_its_effective_date(unit: UnitOfWork) -> None:
    await proposals.put_into_force(unit, await proposed(unit))
    data = await ReferenceCache().load(unit.connection)

    def account(on: date) -> str | None:
        ssi = data.settlement_instruction(SSI.party, SSI.place_of_settlement, "USD", on)
        return ssi.cash_account if ssi else None

    days = [date(2025, 12, 31), date(2026, 11, 30), date(2026, 12, 1)]
    assert [account(day) for day in days] == [None, "C-1", "C-2"]


async def test_a_change_of_what_has_changed_since_is_not_put_into_force(unit: UnitOfWork) -> None:
    approval = await proposed(unit)
    await proposals.put_into_force(unit, approval)
    with pytest.raises(Problem) as refused:
        await proposals.put_into_force(unit, approval)
    assert refused.value.type == "outdated-proposal"


async def test_a_day_opens_closes_and_rolls_over_a_holiday(unit: UnitOfWork) -> None:
    await take(unit, kinds.CALENDARS, US)
    await business_days.move(unit, "US", open_day, date(2026, 11, 25), "ops")
    day = (await business_days.move(unit, "US", roll_day, date(2026, 11, 25), "ops")).after
    assert (day.business_date, day.version) == (date(2026, 11, 27), 3)
    assert await business_days.move(unit, "US", roll_day, date(2026, 11, 25), "ops") == Moved(day, day)
    assert [type(event) for event in unit.published[1:]] == [
        BusinessDayOpened,
        BusinessDayClosed,
        BusinessDayOpened,
    ]
    data = await ReferenceCache().load(unit.connection)
    assert data.business_date("US") == date(2026, 11, 27)
    await business_days.move(unit, "US", close_day, date(2026, 11, 27), "ops")
    assert (await ReferenceCache().load(unit.connection)).business_date("US") is None


async def test_a_refused_step_is_a_conflict_that_says_what_is_possible(unit: UnitOfWork) -> None:
    await take(unit, kinds.CALENDARS, US)
    with pytest.raises(Problem, match="the next one is 2026-11-27") as refused:
        await business_days.move(unit, "US", open_day, date(2026, 11, 26), "ops")
    assert refused.value.status == 409


async def test_hr_events_make_employees_known_in_any_order(unit: UnitOfWork) -> None:
    people = [
        EmployeeHired(
            employee=Employee(
                employee_id=key, version=version, department="Trading", employment=(), licences=()
            )
        )
        for key, version in (("E2", 2), ("E1", 1), ("E2", 1))
    ]
    await take_employees(Batch.of(unit.connection, people))
    data = await ReferenceCache().load(unit.connection)
    assert [data.employee_known(key) for key in ("E1", "E2", "E3")] == [True, True, False]
