"""Dead letters dealt with many at a time: what was done is told, whatever comes after it, and the exit code is true."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backoffice_cli.commands.events import dlq
from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError

pytestmark = pytest.mark.unit

MANY = [f"l{number:03}" for number in range(250)]
WHY = ("--reason", "a test")
HANDLED = {"result": "redriven", "reason": None, "followers": 0}
APPROVAL = {
    "approval_id": "a1",
    "kind": "dead-letter-discard",
    "object_id": None,
    "status": "PROPOSED",
    "proposed_by": "sre-1",
    "reason": "a test",
    "expires_at": "2024-08-16T10:00:00Z",
}


class Ledger:
    """Answers as a service with dead letters. gone: of no use after so many requests. refuses: a parked follower."""

    def __init__(self, open_ones: list[str], *, gone: int = 100, refuses: str | None = None) -> None:
        self.open_ones, self.gone, self.refuses = open_ones, gone, refuses
        self.platform, self.names = None, ["ledger"]

    def found(self, path: str, *_: Any, **__: Any) -> dict[str, Any]:
        return {"service": "ledger", "id": path.rpartition("/")[2]}

    def listed(self, _: str, **__: Any) -> Iterator[dict[str, Any]]:
        return iter([{"service": "ledger", "id": each} for each in self.open_ones])

    def post(self, _: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
        self.gone -= 1
        if self.gone < 0:
            raise StackError("The ledger is gone.")
        if "ids" not in document:
            return self._handled(path.split("/")[-2])
        taken = [each for each in document["ids"] if each in self.open_ones]
        if path.endswith("/redrive") or "dry_run" in document:
            return {"items": [self._handled(each) for each in taken], "remaining": 0}
        return {**APPROVAL, "terms": {"ids": taken}}

    def _handled(self, letter: str) -> dict[str, Any]:
        return {**HANDLED, "id": letter, "follower_refused": self.refuses}


@pytest.fixture
def on_duty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.setattr(Platform, "running", lambda _: None)

    def call(service: Ledger, *words: str) -> Result:
        monkeypatch.setattr(dlq, "Owners", lambda *_: service)
        return CliRunner().invoke(app, ["events", "dlq", *words, *WHY, "--state", str(tmp_path)])

    return call


def test_all_are_redriven_in_parts(on_duty: Callable[..., Result]) -> None:
    result = on_duty(Ledger(MANY), "redrive", "--json")
    assert [each["id"] for each in json.loads(result.stdout)] == MANY
    assert result.exit_code == Exit.OK


def test_what_was_redriven_before_a_failure_is_told_and_then_the_failure(
    on_duty: Callable[..., Result],
) -> None:
    result = on_duty(Ledger(MANY, gone=2), "redrive", "--json")
    assert [each["id"] for each in json.loads(result.stdout)] == MANY[:200]
    assert "The ledger is gone." in result.stderr
    assert result.exit_code == Exit.FAILED


def test_the_approvals_that_were_made_before_a_failure_are_told(on_duty: Callable[..., Result]) -> None:
    result = on_duty(Ledger(MANY, gone=2), "discard", "--failure", "garbage", "--json")
    assert len(json.loads(result.stdout)) == 2
    assert "The ledger is gone." in result.stderr
    assert result.exit_code == Exit.FAILED


def test_a_failure_before_anything_was_done_is_told_alone(on_duty: Callable[..., Result]) -> None:
    result = on_duty(Ledger(MANY, gone=0), "redrive")
    assert (result.exit_code, result.stdout) == (Exit.FAILED, "")


def test_a_refused_follower_ends_a_redrive_with_1(on_duty: Callable[..., Result]) -> None:
    result = on_duty(Ledger(["l1"], refuses="no such account"), "redrive", "l1")
    assert "the next one was refused: no such account" in result.stdout.replace("\n", " ")
    assert result.exit_code == Exit.FAILED


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_one_that_is_open_no_more_is_named_by_a_discard_of_others(
    on_duty: Callable[..., Result], options: tuple[str, ...]
) -> None:
    result = on_duty(Ledger(["l1"]), "discard", "l1", "l2", *options)
    assert "l1" in result.stdout
    assert "Left out: l2." in result.stderr
    assert result.exit_code == Exit.FAILED


def test_a_dry_run_on_one_that_is_open_no_more_ends_with_1(on_duty: Callable[..., Result]) -> None:
    result = on_duty(Ledger([]), "discard", "l1", "--dry-run")
    assert "Left out: l1." in result.stderr
    assert result.exit_code == Exit.FAILED


def test_options_before_the_command_are_told_where_they_go(on_duty: Callable[..., Result]) -> None:
    service = Ledger(MANY)
    for option in (("--service", "ledger"), ("-s", "ledger"), ("--state", "elsewhere"), ("--json",)):
        result = on_duty(service, *option, "redrive")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "goes behind the command: dlq redrive --" in result.stderr
    assert service.gone == 100
