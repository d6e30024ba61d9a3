"""Versions of a record, and which one is in force."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backoffice_events.contracts.vocabulary import InstrumentType
from trade_capture.reference.domain import (
    Instrument,
    NoSettlementCycleError,
    ReferenceData,
    SettlementInstruction,
)
from trade_capture.reference.domain.versions import next_version

pytestmark = pytest.mark.unit

STATED = Instrument(
    isin="US0378331005",
    mic="XNAS",
    version=0,
    name="Apple",
    cfi="ESVUFR",
    instrument_type=InstrumentType.EQUITY,
    currency="USD",
    active=True,
)
statements = st.builds(
    lambda name, active, price: replace(STATED, name=name, active=active, reference_price=price),
    st.sampled_from(["Apple", "Apple Inc."]),
    st.booleans(),
    st.sampled_from([None, Decimal("1.5"), Decimal("1.50"), Decimal(2)]),
)


@given(st.lists(statements, min_size=1, max_size=20))
def test_each_change_is_one_version_and_a_repetition_none(statements: list[Instrument]) -> None:
    current: Instrument | None = None
    versions: list[int] = []
    for stated in statements:
        changed = next_version(stated, current)
        if changed is not None:
            current = changed
            versions.append(changed.version)
        assert current is not None
        assert replace(current, version=0) == stated
        assert next_version(stated, current) is None
    assert versions == list(range(1, len(versions) + 1))


def ssi(version: int, effective_from: date, *, active: bool = True) -> SettlementInstruction:
    return SettlementInstruction(
        party="P",
        place_of_settlement="DTCYUS33XXX",
        currency="USD",
        version=version,
        agent_bic="A",
        safekeeping_account=f"S{version}",
        cash_account="C",
        effective_from=effective_from,
        active=active,
    )


def in_force(*versions: SettlementInstruction, on: date) -> str | None:
    data = ReferenceData(settlement_instructions={("P", "DTCYUS33XXX", "USD"): versions})
    found = data.settlement_instruction("P", "DTCYUS33XXX", "USD", on)
    return found.safekeeping_account if found else None


def test_an_instruction_holds_from_its_effective_date_until_a_later_version_does() -> None:
    versions = (ssi(1, date(2026, 1, 1)), ssi(2, date(2026, 6, 1)))
    dates = [date(2025, 12, 31), date(2026, 5, 31), date(2026, 6, 1)]
    assert [in_force(*versions, on=day) for day in dates] == [None, "S1", "S2"]


def test_a_later_version_that_takes_effect_earlier_replaces_the_earlier_one() -> None:
    versions = (ssi(1, date(2026, 6, 1)), ssi(2, date(2026, 3, 1)))
    assert in_force(*versions, on=date(2026, 7, 1)) == "S2"


def test_an_instruction_that_was_ended_is_none() -> None:
    versions = (ssi(1, date(2026, 1, 1)), ssi(2, date(2026, 6, 1), active=False))
    assert in_force(*versions, on=date(2026, 7, 1)) is None
    assert in_force(*versions, on=date(2026, 5, 1)) == "S1"


def test_a_market_without_a_cycle_says_so() -> None:
    with pytest.raises(NoSettlementCycleError, match="no settlement cycle on record for EQUITY on XNAS"):
        ReferenceData().settlement_date("XNAS", InstrumentType.EQUITY, date(2026, 1, 5))
