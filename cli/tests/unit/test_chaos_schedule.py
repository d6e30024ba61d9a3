"""A plan of faults can be repeated, and keeps to what the stack can have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_cli.chaos.fault import Act, Planned, Shape
from backoffice_cli.chaos.registry import FAULTS, named, possible
from backoffice_cli.chaos.schedule import plan
from backoffice_cli.chaos.shape import shape_of
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.topology import Topology

pytestmark = pytest.mark.unit

SEEDS = st.integers(min_value=0, max_value=2**32)
PLAIN = shape_of(Topology())
EVERYTHING = shape_of(Topology(brokers=3, proxied=True, database_disk_mb=500))
SHAPES = st.sampled_from([PLAIN, EVERYTHING])
LENGTHS = st.floats(min_value=0.5, max_value=600)


def drawn_on(seed: int, shape: Shape, length: float) -> list[Planned]:
    seconds = {Act.TRADING: length, Act.SETTLING: length / 2}
    return plan(seed, named(possible(shape), shape), shape, seconds)


@given(SEEDS, SHAPES, LENGTHS)
def test_the_same_seed_gives_the_same_plan(seed: int, shape: Shape, length: float) -> None:
    assert drawn_on(seed, shape, length) == drawn_on(seed, shape, length)


@given(SEEDS, SHAPES, LENGTHS)
def test_faults_strike_in_order_within_their_acts_and_only_where_they_may(
    seed: int, shape: Shape, length: float
) -> None:
    seconds = {Act.TRADING: length, Act.SETTLING: length / 2}
    planned = drawn_on(seed, shape, length)
    assert [each.number for each in planned] == list(range(1, len(planned) + 1))
    for act, lasts in seconds.items():
        own = [each for each in planned if each.act is act]
        assert len(own) >= 2
        assert [each.at for each in own] == sorted(each.at for each in own)
        assert all(0 <= each.at <= lasts for each in own)
    for each in planned:
        fault = FAULTS[each.fault]
        assert each.act in fault.acts
        assert fault.needs <= shape.provides
        assert each.ends is None or each.ends >= each.at


@pytest.mark.parametrize("shape", [PLAIN, EVERYTHING], ids=["plain", "everything"])
def test_seeds_reach_every_fault_that_a_stack_can_have(shape: Shape) -> None:
    reached = {each.fault for seed in range(300) for each in drawn_on(seed, shape, 8.0)}
    assert reached == set(possible(shape))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_alone_strikes_once_or_twice_in_an_act_that_it_may_strike_in(name: str) -> None:
    planned = plan(7, [FAULTS[name]], EVERYTHING, {Act.TRADING: 8.0, Act.SETTLING: 4.0})
    assert {each.fault for each in planned} == {name}
    assert {each.act for each in planned} == set(FAULTS[name].acts)


def test_without_faults_nothing_is_planned() -> None:
    assert plan(1, [], PLAIN, {Act.TRADING: 8.0}) == []


def test_an_unknown_fault_and_one_that_the_stack_cannot_have_are_refused() -> None:
    with pytest.raises(StackError, match="no fault earthquake"):
        named(["earthquake"], PLAIN)
    with pytest.raises(StackError, match="needs three brokers"):
        named(["leader-killed"], PLAIN)
