"""A service of one stack is started otherwise, from its next start on, and as usual again."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from backoffice_cli.stack import children
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.overrides import Override, override
from backoffice_cli.stack.plan import settle_plan
from backoffice_cli.stack.processes import service

pytestmark = pytest.mark.unit

LEDGER = next(each for each in SERVICES if each.name == "ledger")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Mapping[str, str]]]:
    """Return what would have been started: command after `python -m`, and environment."""
    seen: list[tuple[list[str], Mapping[str, str]]] = []

    def spawn(
        command: Sequence[str], *, env: Mapping[str, str], **_: object
    ) -> subprocess.Popen[bytes] | None:
        seen.append((list(command[2:]), env))
        return None

    monkeypatch.setattr(children, "spawn", spawn)
    return seen


def test_a_service_is_started_as_usual_where_nothing_else_is_said(
    tmp_path: Path, started: list[tuple[list[str], Mapping[str, str]]]
) -> None:
    service(settle_plan(tmp_path), LEDGER, tmp_path).start()
    assert started[0][0] == ["ledger.main", "all"]


def test_an_override_holds_from_the_next_start_until_it_is_taken_back(
    tmp_path: Path, started: list[tuple[list[str], Mapping[str, str]]]
) -> None:
    described = service(settle_plan(tmp_path), LEDGER, tmp_path)
    override(tmp_path, "ledger", Override(launcher="some.launcher", command="api", environment={"X": "1"}))
    override(tmp_path, "hr", Override(command="worker"))
    described.start()
    override(tmp_path, "ledger", None)
    described.start()
    assert [command for command, _ in started] == [
        ["some.launcher", "ledger.main", "api"],
        ["ledger.main", "all"],
    ]
    assert started[0][1]["X"] == "1"
    assert started[0][1]["BACKOFFICE_DATABASE_URL"] == started[1][1]["BACKOFFICE_DATABASE_URL"]
    assert "X" not in started[1][1]
