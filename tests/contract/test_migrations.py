"""What processes read from migrations' names is what Alembic reads from the files."""

import pytest
from alembic.script import ScriptDirectory

from backoffice_chassis.revisions import Revisions
from backoffice_cli.stack.catalogue import SERVICES, ServiceEntry

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("entry", SERVICES, ids=lambda entry: entry.name)
def test_files_are_named_by_their_revisions(entry: ServiceEntry) -> None:
    scripts = ScriptDirectory(str(entry.migrations))
    known = frozenset(script.revision for script in scripts.walk_revisions())
    assert Revisions.of(entry.migrations) == Revisions(known, scripts.get_current_head() or "")
