"""Migrations run before the new code and while the old still works: the old release's own suite must pass on them.

So a release only expands the schema; what nobody uses any more goes with the release after it.
"""

import filecmp
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backoffice_cli.stack.catalogue import SERVICES

pytestmark = [pytest.mark.upgrade, pytest.mark.usefixtures("kafka", "postgres")]
ROOT = Path(__file__).parents[2]
NEXT = '''
from alembic import op

revision = "9999"
down_revision = "{last}"


def upgrade() -> None:
    op.execute("""{sql}""")
'''


def same(one: Path, other: Path) -> bool:
    """Say whether two folders hold the same migrations."""
    names = [{path.name for path in folder.glob("*.py")} for folder in (one, other)]
    return names[0] == names[1] and not filecmp.cmpfiles(one, other, names[0], shallow=False)[1]


def with_another_migration(service: str, sql: str, folder: Path) -> Path:
    """Return a folder of services in which this one has one more migration."""
    migrations = folder / service / "migrations"
    shutil.copytree(ROOT / "services" / service / "migrations", migrations)
    last = max(path.name for path in (migrations / "versions").glob("*.py")).partition("_")[0]
    (migrations / "versions/9999_next.py").write_text(NEXT.format(last=last, sql=sql))
    return folder


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return tmp_path / "session"


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_the_previous_release_passes_its_own_suite_on_todays_schema(
    service: str, previous: Any, session: Path
) -> None:
    place = f"services/{service}/migrations/versions"
    if same(previous.folder / place, ROOT / place):
        pytest.skip("no migration since the previous release")
    done = previous.run_suite(service, ROOT / "services", session)
    assert done.returncode == 0, done.stdout[-5000:]


def test_a_migration_that_adds_is_passed(previous: Any, session: Path, tmp_path: Path) -> None:
    sql = "ALTER TABLE employee ADD COLUMN nickname text"
    services = with_another_migration("hr", sql, tmp_path / "services")
    done = previous.run_suite("hr", services, session)
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE employee DROP COLUMN department",
        "ALTER TABLE employee RENAME COLUMN licences TO permissions",
        "ALTER TABLE employee_version ADD COLUMN approved_by text NOT NULL",
    ],
    ids=["takes-away", "renames", "wants-what-the-old-does-not-write"],
)
def test_a_migration_that_breaks_the_previous_release_is_caught(
    sql: str, previous: Any, session: Path, tmp_path: Path
) -> None:
    services = with_another_migration("hr", sql, tmp_path / "services")
    done = previous.run_suite("hr", services, session)
    assert done.returncode == 1, done.stdout[-5000:]
    assert " failed" in done.stdout


def test_a_clone_without_the_history_is_told_how_to_get_it(from_history: Any, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    make = ["git", "init", "--quiet", clone]
    subprocess.run(make, check=True)
    with pytest.raises(pytest.fail.Exception, match="git fetch --unshallow"):
        from_history(clone, "0" * 40, tmp_path / "previous")
