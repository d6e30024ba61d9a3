"""What the demo shows at its end, for people and for programs."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backoffice_cli.commands import demo, reconcile
from backoffice_cli.console import Exit
from backoffice_cli.demo import report
from backoffice_cli.demo.outcomes import Outcome
from backoffice_cli.demo.story import Chapter
from backoffice_cli.main import app
from backoffice_cli.reconciliation.report import Report

pytestmark = pytest.mark.unit

RATES: dict[str, Any] = {
    "measures": {
        "received": {"count": 3, "value": {"EUR": "2", "JPY": "1", "USD": "4"}},
        "captured": {"count": 2, "value": {"EUR": "2", "USD": "4"}},
    },
    "rates": {"entry": {"count": "0.666667", "value": {"EUR": "1", "JPY": "0", "USD": "1"}}},
}


def found(sent: int = 3) -> report.Findings:
    return report.Findings(
        sent=sent,
        counts=Counter({Outcome.SETTLED: 2, Outcome.CANCELLED_AFTER_SETTLEMENT: 1}),
        rates=RATES,
        efficiency=[],
        told={"source_system": "EQ", "trade_reference": "T-1", "trade_id": "t1"},
        story=[Chapter(datetime(2024, 8, 9, tzinfo=UTC), "ledger", "booked")],
        spans=(),
        trial_balance={"lines": [], "totals": []},
        positions=[],
    )


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, findings: report.Findings, *options: str) -> Result:
    """Run the command on a platform that there is not."""

    def nothing(*_: Any, **__: Any) -> None:
        return None

    def progressing(_: Any, say: Any) -> None:
        say("starts")

    unneeded = ("end_as_by_interrupt", "prepare_firm", "trade", "settle", "outcomes", "sent", "bring_down")
    for name in unneeded:
        monkeypatch.setattr(demo, name, nothing)
    monkeypatch.setattr(demo, "prepare_platform", progressing)
    monkeypatch.setattr(reconcile, "read", nothing)
    monkeypatch.setattr(report, "findings", lambda *_: findings)
    result = Report(ledger={"balanced": True, "journals": 1, "lines": 2})
    monkeypatch.setattr(demo, "compare", lambda _: result)
    return CliRunner().invoke(app, ["demo", "--state", str(folder), *options])


def test_a_program_gets_one_document_and_the_progress_goes_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run(monkeypatch, tmp_path, found(), "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["ok"], answer["sent"]) == (Exit.OK, True, 3)
    assert answer["outcomes"]["settled"] == 2
    assert answer["outcomes"]["cancelled_after_settlement"] == 1
    assert answer["story"]["chapters"][0]["at"] == "2024-08-09T00:00:00+00:00"
    assert answer["reconcile"]["ok"] is True
    assert "starts" in result.stderr


def test_a_trade_without_an_outcome_fails_the_demo_whichever_way_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run(monkeypatch, tmp_path, found(sent=4), "--json")
    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (Exit.FAILED, False)
    shown = run(monkeypatch, tmp_path, found(sent=4))
    assert (shown.exit_code, "What became of the 4 trades" in shown.stdout) == (Exit.FAILED, True)


def test_a_currency_in_which_nothing_was_captured_is_left_out_with_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report.show(found())
    shown = capsys.readouterr().out
    assert "by EUR" in shown
    assert "by JPY" not in shown
    assert "nothing of it was captured: trades in JPY" in shown
