"""docs/reliability.md names every fault there is."""

from pathlib import Path

import pytest

from backoffice_cli.chaos.registry import FAULTS
from backoffice_cli.chaos.sabotage.crash_points import CRASH_POINTS

pytestmark = pytest.mark.unit

GUIDE = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()


@pytest.mark.parametrize("name", [*CRASH_POINTS, *(name for name in FAULTS if not name.startswith("crash-"))])
def test_the_guide_names_every_fault(name: str) -> None:
    assert f"`{name}`" in GUIDE
