"""One dead letter as it is shown, for people and for programs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backoffice_cli.commands.events import dlq
from backoffice_cli.main import app
from backoffice_cli.platform import Platform

pytestmark = pytest.mark.unit

LETTER = {
    "service": "ledger",
    "id": "l1",
    "consumer": "ledger.trades",
    "topic": "trading.trades.v1",
    "partition": 1,
    "offset": 7,
    "key": "t1",
    "event_id": None,
    "event_type": "a.type",
    "reason": "account 1310 is closed",
    "status": "redriven",
    "attempts": 2,
    "failed_at": "2024-08-09T10:00:00Z",
    "value": '{"a": 1}',
    "value_encoding": "utf-8",
    "headers": [["ce_source", "desk"]],
}
ACTION = {
    "service": "ledger",
    "dead_letter_id": "l1",
    "action": "redrive",
    "outcome": "redriven",
    "actor": "sre-1",
    "why": "account is open",
    "at": "2024-08-09T11:00:00Z",
}


class Owner:
    """Answers as the ledger does that has the letter."""

    def __init__(self, platform: Any, *_: Any) -> None:
        self.platform = platform

    def found(self, *_: Any, **__: Any) -> dict[str, Any]:
        return dict(LETTER)

    def listed(self, _: str) -> Iterator[dict[str, Any]]:
        return iter([dict(ACTION)])


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(dlq, "Owners", Owner)
    monkeypatch.setattr(Platform, "running", lambda _: None)

    def show(*options: str) -> Result:
        return CliRunner().invoke(app, ["events", "dlq", "show", "l1", "--state", str(tmp_path), *options])

    return show


def test_a_program_gets_the_letter_and_what_was_done_with_it_as_json(shown: Any) -> None:
    answer = json.loads(shown("--json").stdout)
    assert answer.pop("actions") == [{name: value for name, value in ACTION.items() if name != "service"}]
    assert answer == LETTER


def test_a_person_gets_reason_place_headers_bytes_and_what_was_done(shown: Any) -> None:
    said = shown().stdout
    for words in (
        "account 1310 is closed",
        "partition 1 offset 7",
        "ce_source",
        '{"a": 1}',
        "sre-1: account",
    ):
        assert words in said
