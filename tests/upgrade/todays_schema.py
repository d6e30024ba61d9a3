"""A pytest plugin for the previous release's suite: its databases are built by today's migrations, with today's code.

`TODAYS_SERVICES` names the folder in which each service's migrations lie. The previous release's packages come before
today's on this process's path, so today's migrations run in a process of their own.
"""

import os
import subprocess
import sys
from pathlib import Path

from backoffice_cli.stack import testing

UPGRADE = """
import sys
from pathlib import Path
from backoffice_chassis.migrations import upgrade
upgrade(Path(sys.argv[1]), sys.argv[2])
"""


def todays(migrations: Path, database_url: str) -> None:
    """Migrate a database of the service whose former migrations these are."""
    folder = Path(os.environ["TODAYS_SERVICES"]) / migrations.resolve().parent.name / "migrations"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", UPGRADE, folder, database_url], env=environment, check=True)


testing.upgrade = todays
