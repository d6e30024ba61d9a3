"""A state folder that cannot be had is named, with what to do about it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from backoffice_cli.audit.memory import Seen, recall, remember
from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.stack.control import delete_data

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_state_folder_that_cannot_be_made_ends_with_a_word(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, [command, "--state", str(tmp_path / "file" / "state")])
    assert result.exit_code == Exit.FAILED
    assert "Not a directory" in result.stderr
    assert "--state" in result.stderr


def test_a_stack_founded_anew_remembers_no_audit_log_of_the_one_before(tmp_path: Path) -> None:
    remember(tmp_path / "audit", "ledger", Seen(("a key",), {"tree_size": 7}))
    delete_data(tmp_path)
    assert recall(tmp_path / "audit", "ledger") == Seen()
