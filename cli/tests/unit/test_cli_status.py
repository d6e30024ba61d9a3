"""What `backoffice status` makes of services that say they are not ready."""

from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from backoffice_cli.commands import status
from backoffice_cli.main import app
from backoffice_cli.stack.state import Component, Phase, State

pytestmark = pytest.mark.unit

HALTED = {"consumers": "consumer ledger.trades: 500 of the last 500 events became dead letters"}


def test_a_service_with_a_halted_consumer_makes_the_whole_degraded_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ledger = Component(name="ledger", phase=Phase.READY, port=4711)
    state = State(supervisor_pid=1, phase=Phase.READY, components={"ledger": ledger})
    monkeypatch.setattr(status, "read_state", lambda _: state)
    monkeypatch.setattr(status, "supervisor_pid", lambda _: 1)
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(503, json={"failures": HALTED}))
    found = status.describe(tmp_path)
    assert found["phase"] is Phase.DEGRADED
    assert found["problems"] == {"ledger": HALTED}


def test_addresses_of_a_platform_that_does_not_run_are_a_word_on_stderr_and_nothing_to_evaluate(
    tmp_path: Path,
) -> None:
    result = CliRunner().invoke(app, ["status", "--env", "--state", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Start it: backoffice up" in result.stderr
