"""Two seeds of the mixed run: what is published ends in exactly one place, whatever fails and whenever.

The short form of `make chaos`. Where the books of two runs are compared nothing is amended after the business day,
since a disturbance would decide whether a trade is settled by then; so `backoffice chaos --seed N` draws otherwise.
"""

import os
from typing import Any

import pytest

from backoffice_cli.chaos.registry import FAULTS, named, possible
from backoffice_cli.chaos.run import Wanted, run
from backoffice_cli.chaos.shape import bad_weather, shape_of
from backoffice_cli.chaos.stacks import Stacks

pytestmark = pytest.mark.e2e

TRADES = 200
SECONDS = 4.0
MIXED = named(possible(shape_of(bad_weather(brokers=1))), shape_of(bad_weather(brokers=1)))
AT_EVERY_STEP = [
    FAULTS[name] for name in ("crash-outbox-read", "crash-relay-sent", "crash-before-commit", "crash-applied")
]


@pytest.fixture(scope="module")
def disturbed(stacks: Stacks) -> dict[str, Any]:
    """Return what a seed of every kind of fault came to, on a new stack."""
    return run_clean(stacks, Wanted(1, TRADES, SECONDS, MIXED, late=0))


def run_clean(stacks: Stacks, wanted: Wanted) -> dict[str, Any]:
    found = run(stacks.for_seed(wanted.seed, wanted.trades), wanted, print)
    assert found["audit"]["breaks"] == []
    assert found["reconcile"]["breaks"] == []
    assert found["ok"]
    stacks.passed()
    return found


def test_nothing_is_lost_and_nothing_happens_twice(disturbed: dict[str, Any]) -> None:
    assert [each for each in disturbed["planned"] if each["struck"]]


@pytest.mark.skipif("BACKOFFICE_CHAOS_LONG" not in os.environ, reason="long: set BACKOFFICE_CHAOS_LONG=1")
def test_nor_when_services_die_at_every_step(stacks: Stacks, disturbed: dict[str, Any]) -> None:
    assert run_clean(stacks, Wanted(2, TRADES, SECONDS, AT_EVERY_STEP))


def test_the_books_are_those_of_an_undisturbed_run(stacks: Stacks, disturbed: dict[str, Any]) -> None:
    wanted = Wanted(disturbed["seed"], TRADES, SECONDS, [], late=0)
    undisturbed = run_clean(stacks, wanted)  # on another new stack
    assert undisturbed["planned"] == []
    assert undisturbed["audit"]["digest"] == disturbed["audit"]["digest"]
