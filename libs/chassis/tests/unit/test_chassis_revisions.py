"""A release runs on its own newest schema and on a newer release's, and on no older one."""

from pathlib import Path

import pytest

from backoffice_chassis.revisions import Revisions

pytestmark = pytest.mark.unit

RELEASE = Revisions(frozenset({"0001", "0002"}), "0002")


@pytest.mark.parametrize(
    ("found", "expected"),
    [({"0002"}, True), ({"0003"}, True), ({"0001"}, False), (set(), False), ({"0001", "0002"}, False)],
    ids=["newest", "a newer release's", "older", "not migrated", "two at once"],
)
def test_the_schema_decides_whether_a_release_runs(found: set[str], expected: bool) -> None:
    assert RELEASE.runs_on(found) is expected


def test_revisions_are_read_from_names_of_files(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    for name in ("0001_first.py", "0002_second.py", "__init__.py", "0002_second.pyc", "0003_notes.txt"):
        (versions / name).touch()
    assert Revisions.of(tmp_path) == RELEASE
