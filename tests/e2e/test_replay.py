"""What consumers keep is rebuilt from their topics beside the live tables, and every difference is named."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.platform import Stack

pytestmark = pytest.mark.e2e

REBUILDABLE = (
    "ledger.trades",
    "ledger.business-days",
    "compliance.reference",
    "compliance.employees",
    "trade-capture.employees",
)


def replay(platform: Stack, consumer: str, *more: str) -> Result:
    arguments = ["events", "replay", consumer, "--state", str(platform.folder), *more]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def execute(platform: Stack, package: str, statement: str) -> list[Any]:
    """Run a statement in a service's database as the owner of its tables."""

    async def run() -> list[Any]:
        url = platform.plan.database(package).migration_url.replace("+asyncpg", "")
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.mark.parametrize("consumer", REBUILDABLE)
def test_what_follows_from_the_events_alone_is_rebuilt_the_same(platform: Stack, consumer: str) -> None:
    result = replay(platform, consumer, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == Exit.OK, result.stdout
    assert found["consumer"] == consumer
    assert all(each["live_rows"] == each["rebuilt_rows"] for each in found["comparisons"])


def test_a_row_that_somebody_changed_is_named_and_the_live_one_is_left_as_it_is(platform: Stack) -> None:
    change = "UPDATE employee SET version = version + {} WHERE employee_id = 'E00001' RETURNING version"
    [changed] = execute(platform, "compliance", change.format(7))
    try:
        result = replay(platform, "compliance.employees", "--json")
        [comparison] = json.loads(result.stdout)["comparisons"]
        kept = execute(platform, "compliance", "SELECT version FROM employee WHERE employee_id = 'E00001'")
    finally:
        execute(platform, "compliance", change.format(-7))
    assert result.exit_code == 1
    [difference] = comparison["differences"]
    assert difference["key"] == {"employee_id": "E00001"}
    assert (difference["live"]["version"], difference["rebuilt"]["version"]) == (
        changed["version"],
        changed["version"] - 7,
    )
    assert [row["version"] for row in kept] == [changed["version"]]


def test_nothing_of_a_rebuild_stays_behind(platform: Stack) -> None:
    left = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replay%'"
    assert execute(platform, "ledger", left) == []


def test_what_depends_on_more_than_its_topics_is_refused(platform: Stack) -> None:
    result = replay(platform, "settlement.trades", "--json")
    assert result.exit_code == 2
    assert "settlement.trades" in json.loads(result.stdout)["error"]
