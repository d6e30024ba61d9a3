"""Every mitigation in docs/threat-model.md names tests, and these exist."""

import re
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.unit

ROOT: Final = Path(__file__).parents[2]
ROW: Final = re.compile(
    r"^\| (?!threat \|)(?!---)(?P<threat>[^|]+) \|[^|]+\| (?P<tests>[^|]+) \|$", re.MULTILINE
)
TEST: Final = re.compile(r"`(test_\w+)`")
DEFINED: Final = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
FOLDERS: Final = ("libs", "services", "simulators", "cli", "tests", "deploy")


def defined() -> set[str]:
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("test_*.py"))
    return {name for path in files for name in DEFINED.findall(path.read_text())}


def test_every_mitigation_names_tests_that_exist() -> None:
    rows = ROW.findall((ROOT / "docs" / "threat-model.md").read_text())
    known = defined()
    assert len(rows) > 20
    assert [threat for threat, tests in rows if not TEST.findall(tests)] == []
    assert [name for _, tests in rows for name in TEST.findall(tests) if name not in known] == []
