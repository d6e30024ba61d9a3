"""A state folder may describe a platform that is not an embedded stack."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.platform import Platform, Stack
from backoffice_cli.stack.errors import StackError
from backoffice_events.brokers import SecurityProtocol

pytestmark = pytest.mark.unit

DESCRIPTION: dict[str, Any] = {
    "services": {"trade-capture": "http://127.0.0.1:18001", "ledger": "https://books.example"},
    "token_url": "https://id.example/token",
    "clients": {"sre-1": "secret-of-sre-1"},
    "kafka": {
        "bootstrap_servers": "kafka.example:9093",
        "security_protocol": "SASL_SSL",
        "passwords": {"operator": "of-operator", "front-office": "of-front-office"},
        "ca_file": "ca.pem",
    },
}


def described(folder: Path, **changes: Any) -> Path:
    (folder / "platform.json").write_text(json.dumps({**DESCRIPTION, **changes}))
    return folder


def test_commands_reach_what_the_folder_describes(tmp_path: Path) -> None:
    platform = Platform.running(described(tmp_path))
    assert not isinstance(platform, Stack)
    assert platform.services == ["trade-capture", "ledger"]
    assert platform.url("ledger") == "https://books.example"
    assert platform.secrets == {"sre-1": "secret-of-sre-1"}


def test_kafka_is_read_by_the_operator_and_written_by_the_front_office(tmp_path: Path) -> None:
    platform = Platform.running(described(tmp_path))
    for brokers, user in ((platform.brokers, "operator"), (platform.front_office, "front-office")):
        assert (brokers.user, brokers.password) == (user, f"of-{user}")
        assert brokers.security_protocol is SecurityProtocol.SASL_SSL
        assert brokers.ca_file == tmp_path / "ca.pem"


def test_who_has_no_secret_there_is_told_who_has(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"There is no client finance-1") as error:
        Platform.running(described(tmp_path)).auth("finance")
    assert "sre-1" in error.value.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"services": ["ledger"]},
        {"kafka": {"bootstrap_servers": "kafka:9092", "security_protocol": "TLS"}},
        {"kafka": {"bootstrap_servers": "kafka:9092", "security_protocol": "SASL_SSL"}},
        {"kafka_password": "secret"},
    ],
    ids=["another shape", "an unknown protocol", "no password", "an unknown field"],
)
def test_a_description_that_is_none_is_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(StackError, match=r"platform\.json"):
        Platform.running(described(tmp_path, **changes))


@pytest.mark.parametrize("command", ["up", "down"])
def test_what_runs_elsewhere_is_neither_started_nor_stopped_from_here(tmp_path: Path, command: str) -> None:
    result = CliRunner().invoke(app, [command, "--state", str(described(tmp_path))])
    assert result.exit_code == Exit.FAILED
    assert "describes a platform that runs elsewhere" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["platform.json"]


def test_status_asks_each_service_whether_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(url: str, **_: Any) -> httpx.Response:
        ready = url == "http://127.0.0.1:18001/readyz"
        return httpx.Response(200 if ready else 503, json={"failures": {"database": "does not answer"}})

    monkeypatch.setattr(httpx, "get", answer)
    result = CliRunner().invoke(app, ["status", "--json", "--state", str(described(tmp_path))])
    found = json.loads(result.stdout)
    assert result.exit_code == Exit.FAILED
    assert {name: part["phase"] for name, part in found["components"].items()} == {
        "trade-capture": "ready",
        "ledger": "degraded",
    }
    assert found["problems"] == {"ledger": {"database": "does not answer"}}
