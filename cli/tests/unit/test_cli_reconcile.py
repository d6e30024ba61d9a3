"""`backoffice reconcile` at a shell: what was found is printed, whoever else it is told to."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from backoffice_cli.commands import reconcile
from backoffice_cli.main import app
from backoffice_cli.reconciliation.report import Break, Report
from backoffice_cli.stack.errors import StackError

pytestmark = pytest.mark.unit

BREAK = Break("ledger", "T1", "1", "2")
LEDGER = {"balanced": True, "journals": 2, "lines": 5}


def not_taken(report: Report, otlp_endpoint: str) -> None:
    """Be a collector that does not answer."""
    raise StackError(f"{otlp_endpoint} does not take the result.")


def reconciled(monkeypatch: pytest.MonkeyPatch, report: Report, *options: str) -> Result:
    monkeypatch.setattr(reconcile, "Platform", SimpleNamespace(running=lambda _: None))
    monkeypatch.setattr(reconcile, "run", lambda _: report)
    return CliRunner().invoke(app, ["reconcile", "--state", str(Path()), *options])


@pytest.mark.parametrize(("breaks", "ending"), [([], 4), ([BREAK], 1)], ids=["agree", "do not agree"])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "for programs"])
def test_a_collector_that_does_not_answer_takes_no_report_with_it(
    monkeypatch: pytest.MonkeyPatch, breaks: list[Break], ending: int, options: tuple[str, ...]
) -> None:
    monkeypatch.setattr(reconcile, "push", not_taken)
    report = Report(ledger=LEDGER, breaks=breaks)
    told = reconciled(monkeypatch, report, "--otlp-endpoint", "http://collector", *options)
    assert told.exit_code == ending
    assert "does not take the result" in told.stderr
    assert told.stdout == reconciled(monkeypatch, report, *options).stdout != ""
    if options:
        assert json.loads(told.stdout)["ok"] is (not breaks)


def test_the_ending_says_whether_all_sides_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    endings = [
        reconciled(monkeypatch, Report(ledger=LEDGER, breaks=found)).exit_code for found in ([], [BREAK])
    ]
    assert endings == [0, 1]
