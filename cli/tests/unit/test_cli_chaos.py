"""What `backoffice chaos` makes of its options, before any stack is built."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from backoffice_cli.commands import chaos
from backoffice_cli.console import Exit
from backoffice_cli.main import app

pytestmark = pytest.mark.unit


def call(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["chaos", "--state", str(folder), *options])


@pytest.mark.parametrize("seeds", ["20-1", "1,20-19", "", "1,", "1-"])
def test_seeds_that_are_none_are_refused(tmp_path: Path, seeds: str) -> None:
    result = call(tmp_path, "--seeds", seeds)
    assert result.exit_code == Exit.FAILED
    assert "1-20 or 3,7,30-40" in result.stderr


def test_jobs_are_told_to_keep_their_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def side_by_side(_: int, __: Sequence[int], ___: Path, options: Sequence[str]) -> bool:
        told.extend(options)
        return True

    monkeypatch.setattr(chaos, "side_by_side", side_by_side)
    assert call(tmp_path, "--jobs", "2", "--seeds", "1-2").exit_code == Exit.OK
    assert "--keep" not in told
    assert call(tmp_path, "--jobs", "2", "--seeds", "1-2", "--keep").exit_code == Exit.OK
    assert "--keep" in told


def test_a_summary_of_a_file_that_is_not_there_names_it(tmp_path: Path) -> None:
    result = call(tmp_path, "--summary", str(tmp_path / "nosuch.json"))
    assert result.exit_code == Exit.FAILED
    assert "nosuch.json: No such file" in result.stderr
