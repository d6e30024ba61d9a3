"""An approval as it is shown: who approves sees what carrying it out came to."""

import pytest

from backoffice_cli.commands.tables import show_approvals

pytestmark = pytest.mark.unit

APPROVED = {
    "service": "ledger",
    "approval_id": "a1",
    "kind": "dead-letter-discard",
    "object_id": None,
    "status": "APPROVED",
    "proposed_by": "sre-1",
    "reason": "garbage",
    "expires_at": "2024-08-16T10:00:00Z",
    "terms": {"ids": ["l1"]},
}


def test_what_came_of_it_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_approvals([{**APPROVED, "outcome": [{"dead_letter_id": "l1", "followers": 2}]}], as_json=False)
    assert "{'ids': ['l1']} -> [{'dead_letter_id': 'l1', 'followers': 2}]" in capsys.readouterr().out


def test_of_what_was_not_carried_out_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_approvals([APPROVED], as_json=False)
    assert capsys.readouterr().out.endswith("{'ids': ['l1']}\n")
