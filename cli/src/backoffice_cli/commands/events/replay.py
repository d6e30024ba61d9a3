"""`backoffice events replay`."""

import json
import os
import subprocess
import sys
from typing import Annotated, Any

import typer

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import console, failures, print_json, progress
from backoffice_cli.platform import Stack
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import repository_root
from backoffice_cli.stack.processes import service_environment

DIFFERENT = 1
NOT_REBUILDABLE = 2

Consumer = Annotated[str, typer.Argument(help="Consumer group, such as ledger.trades.")]


def replay(state: StateFolder, consumer: Consumer, as_json: AsJson = False) -> None:
    """Rebuild what a consumer keeps from its topics, in a fresh schema, and compare it with the live tables.

    The live tables are only read, and the schema is dropped in the end; the service may go on meanwhile. It can be done
    for what follows from the events alone: `ledger.trades` (what each trade comes to in accounts and stock),
    `ledger.business-days`, `compliance.reference`, `compliance.employees`, `trade-capture.employees`. The first needs
    topics that still begin at their beginning (they keep seven days), the others read compacted topics.

    Exit code 1 when something differs, with the keys; 2 when it cannot be rebuilt.

    Example: `backoffice events replay ledger.trades`
    """
    with failures():
        platform = Stack.running(state.resolve())
        found = _run(platform, consumer)
    if as_json:
        print_json(found)
    else:
        _show(found)
    if "error" in found:
        raise typer.Exit(NOT_REBUILDABLE)
    if any(each["differing"] for each in found["comparisons"]):
        raise typer.Exit(DIFFERENT)


def _run(platform: Stack, consumer: str) -> dict[str, Any]:
    """Let the service itself rebuild, as the role that owns its tables."""
    entry = next((each for each in SERVICES if consumer.startswith(f"{each.name}.")), None)
    if entry is None:
        raise StackError(f"{consumer} is no consumer of a service.", "List them: backoffice events lag")
    environment = {
        **os.environ,
        **service_environment(platform.plan, entry),
        "BACKOFFICE_MIGRATION_DATABASE_URL": platform.plan.database(entry.package).migration_url,
    }
    command = (sys.executable, "-m", entry.module, "replay", consumer)
    done = subprocess.run(command, env=environment, cwd=repository_root(), capture_output=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise StackError(f"The rebuild of {consumer} failed.", "\n".join(last)) from None
    return found


def _show(found: dict[str, Any]) -> None:
    if "error" in found:
        progress.print(found["error"], markup=False, highlight=False)
        return
    console.print(
        f"{found['consumer']}: {found['records']} records read, {found['left_out']} not in effect left out"
    )
    for each in found["comparisons"]:
        rows = f"{each['live_rows']} rows live, {each['rebuilt_rows']} rebuilt, {each['differing']} differ"
        console.print(f"{each['projection']}: {rows}", highlight=False)
        for row in each["differences"]:
            console.print(json.dumps(row), markup=False, highlight=False, soft_wrap=True)
    if found["still_moving"]:
        console.print("The consumer went on meanwhile: what differs may be on its way. Run it again.")
