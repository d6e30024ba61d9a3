"""The firm's set-up is on record in every service, a row that a superuser changed is named, and two people discard."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from backoffice_cli.platform import Platform, Stack
from backoffice_cli.stack.plan import read_plan
from backoffice_cli.stack.testing import execute

pytestmark = pytest.mark.e2e
PATIENCE_SECONDS = 120


def wait_until(condition: Callable[[], Any]) -> None:
    """Return once a condition holds that asks the platform each time, which takes its while."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not happen"


def call(platform: Platform, *arguments: str) -> tuple[int, Any]:
    """Return how a command ends, and the JSON that it prints, or else its complaint."""
    command = [sys.executable, "-m", "backoffice_cli.main", *arguments, "--state", str(platform.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def audit(platform: Platform, *arguments: str) -> tuple[int, Any]:
    """Return how `backoffice audit` ends, and the JSON that it prints."""
    return call(platform, "audit", *arguments)


def verified(platform: Platform) -> dict[str, Any]:
    """Return what `audit verify` says of each service once everything is sealed."""
    found: list[dict[str, Any]] = []

    def sealed() -> bool:
        found[:] = audit(platform, "verify", "--json")[1]
        return not any(each["unsealed"] for each in found)

    wait_until(sealed)
    return {each["service"]: each for each in found}


async def as_superuser(platform: Platform, database: str, *statements: str) -> None:
    plan = read_plan(platform.folder)
    assert plan is not None
    url = f"postgresql://postgres:{plan.admin_password}@127.0.0.1:{plan.ports['postgres']}/{database}"
    await execute(url, *statements)


@contextmanager
def tampered(platform: Platform, database: str, entry_id: str) -> Iterator[None]:
    """Change who did it behind the triggers, and take it back in the end."""
    off, on = (f"ALTER TABLE audit_entry {verb} TRIGGER append_only" for verb in ("DISABLE", "ENABLE"))
    change = f"UPDATE audit_entry SET subject = {{}} WHERE entry_id = '{entry_id}'"  # noqa: S608
    asyncio.run(as_superuser(platform, database, off, change.format("subject || '!'"), on))
    try:
        yield
    finally:
        asyncio.run(as_superuser(platform, database, off, change.format("rtrim(subject, '!')"), on))


def test_the_set_up_is_on_record_and_a_changed_row_is_named(platform: Platform) -> None:
    before = verified(platform)
    assert {name for name, each in before.items() if each["tree_size"]} >= {
        "trade-capture",
        "compliance",
        "hr",
    }
    assert [each["findings"] for each in before.values()] == [[]] * 5
    _, hired = audit(platform, "list", "--service", "hr", "--action", "hire_many", "--json")
    entry = hired[0]["entry"]
    assert (entry["subject"], entry["client"]) == ("hr-1", "hr-1")
    code, proof = audit(platform, "proof", entry["entry_id"], "--service", "hr")
    assert (code, proof["holds"]) == (0, True)
    with tampered(platform, "hr", entry["entry_id"]):
        code, [found] = audit(platform, "verify", "--service", "hr", "--json")
        assert code == 1
        assert [(each["kind"], each["entry_id"]) for each in found["findings"]] == [
            ("changed", entry["entry_id"])
        ]
    assert not verified(platform)["hr"]["findings"]


async def send_garbage(platform: Stack) -> None:
    async with AIOKafkaProducer(bootstrap_servers=platform.bootstrap_servers) as producer:
        await producer.send_and_wait("frontoffice.trades.v1", b"no event", key=b"nobody:nothing")


def open_letters(platform: Stack) -> list[Any]:
    _, found = call(platform, "events", "dlq", "list", "--service", "trade-capture", "--json")
    return list(found)


def test_a_dead_letter_is_discarded_by_two_people(platform: Stack) -> None:
    asyncio.run(send_garbage(platform))
    wait_until(lambda: open_letters(platform))
    letters = open_letters(platform)
    why = ("--reason", "garbage from a test", "--json")
    _, tried = call(platform, "events", "dlq", "discard", letters[0]["id"], *why, "--dry-run")
    assert [each["result"] for each in tried] == ["discarded"]
    code, [approval] = call(platform, "events", "dlq", "discard", letters[0]["id"], *why)
    assert (code, approval["status"], approval["proposed_by"]) == (0, "PROPOSED", "sre-1")
    _, waiting = call(platform, "approvals", "list", "--kind", "dead-letter-discard", "--json")
    assert [each["approval_id"] for each in waiting] == [approval["approval_id"]]
    approve = ("approvals", "approve", approval["approval_id"], "--role", "sre", "--json")
    code, refused = call(platform, *approve, "--person", "1")
    assert code == 1
    assert "somebody else" in refused
    code, [done] = call(platform, *approve, "--person", "2")
    assert (code, done["status"], done["decided_by"]) == (0, "APPROVED", "sre-2")
    assert open_letters(platform) == []
