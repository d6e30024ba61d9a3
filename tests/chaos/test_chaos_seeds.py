"""A few seeds of the mixed run: what is published ends in exactly one place, whatever fails and whenever.

The short form of `make chaos`. A seed that fails here fails again with `backoffice chaos --seed N`.
"""

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


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(Wanted(0, TRADES, SECONDS, []), id="undisturbed"),
        pytest.param(Wanted(1, TRADES, SECONDS, AT_EVERY_STEP), id="crash-points"),
        pytest.param(Wanted(2, TRADES, SECONDS, MIXED), id="mixed"),
    ],
)
def test_nothing_is_lost_and_nothing_happens_twice(stacks: Stacks, wanted: Wanted) -> None:
    found = run(stacks.for_seed(wanted.seed, wanted.trades), wanted, print)
    assert found["audit"]["breaks"] == []
    assert found["reconcile"]["breaks"] == []
    assert found["ok"]
    stacks.passed()
