"""A service that was down finds a long backlog: its memory stays flat, and its group does not rebalance over it.

Long: some minutes, where BACKOFFICE_CHAOS_LONG is set; BACKOFFICE_CHAOS_BACKLOG=1000000 makes it a million.
"""

import asyncio
import os
from collections.abc import Sequence

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from backoffice_cli.chaos.fault import Act
from backoffice_cli.chaos.faults.backlog import MOST_GROWTH_MB
from backoffice_cli.chaos.front_office import FrontOffice
from backoffice_cli.chaos.run import world_of
from backoffice_cli.chaos.stacks import Stacks, record_of
from backoffice_cli.chaos.timeline import timeline
from backoffice_cli.commands import reconcile
from backoffice_cli.flow import Quiet
from backoffice_cli.platform import Stack
from backoffice_cli.stack import holds
from backoffice_cli.stack.state import Phase, read_state
from backoffice_events.brokers import Brokers
from backoffice_events.publisher import Publisher
from backoffice_events.records import Record

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif("BACKOFFICE_CHAOS_LONG" not in os.environ, reason="long: set BACKOFFICE_CHAOS_LONG=1"),
]

RECORDS = int(os.environ.get("BACKOFFICE_CHAOS_BACKLOG", "50000"))
SEED, TRADES = 5_000_000, 500
AT_ONCE = 2_000
SERVICE, GROUP = "trade-capture", "trade-capture.trades"
PATIENCE_SECONDS = 60 + RECORDS / 100
MB = 1_000_000


def published(platform: Stack) -> list[Record]:
    """Let some trades through, and return their records."""
    due = timeline(SEED, TRADES, {Act.TRADING: 1.0}, world_of(platform), late=0)[Act.TRADING]
    with FrontOffice(platform.bootstrap_servers, record_of(platform.folder)) as front_office:
        front_office.play(due).result(PATIENCE_SECONDS)
        return [record for _, record in front_office.published]


async def pile_up(platform: Stack, records: Sequence[Record]) -> None:
    async with Publisher(brokers=Brokers(platform.bootstrap_servers), source="urn:backlog") as publisher:
        left = RECORDS
        while left > 0:
            chunk = (list(records) * (AT_ONCE // len(records) + 1))[: min(left, AT_ONCE)]
            await publisher.send(chunk)
            left -= len(chunk)


async def members(platform: Stack) -> set[str]:
    """Return the ids of the group's members: another generation of a member has another id."""
    admin = AIOKafkaAdminClient(bootstrap_servers=platform.bootstrap_servers)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([GROUP])
        return {member[0] for member in answer.groups[0][5]}
    finally:
        await admin.close()


def pid_once_ready(platform: Stack) -> int | None:
    state = read_state(platform.folder)
    part = state.components[SERVICE] if state else None
    return part.pid if part is not None and part.phase is Phase.READY else None


def test_a_backlog_is_worked_off_in_flat_memory_without_a_rebalance(stacks: Stacks) -> None:
    platform = stacks.for_seed(SEED, TRADES)
    quiet = Quiet(platform, lambda _: None)
    records = published(platform)
    quiet.wait(still_for=2, at_most=PATIENCE_SECONDS)
    before = pid_once_ready(platform)
    assert before is not None
    holds.hold(platform.folder, SERVICE)
    psutil.Process(before).terminate()
    asyncio.run(pile_up(platform, records))
    holds.let_go(platform.folder, SERVICE)
    memory: list[int] = []
    seen: set[str] = set()

    def watch(_: object) -> None:
        pid = pid_once_ready(platform)
        if pid is not None:
            memory.append(psutil.Process(pid).memory_info().rss // MB)
            seen.update(asyncio.run(members(platform)))

    Quiet(platform, watch).wait(still_for=3, at_most=PATIENCE_SECONDS)
    print(
        f"{RECORDS:,} records: {memory[0]} MB at first, {max(memory)} MB at most, {memory[-1]} MB in the end"
    )
    assert max(memory) - memory[0] < MOST_GROWTH_MB
    assert len(seen) == 1, "the group has rebalanced while it worked the backlog off"
    report = reconcile.run(platform)
    assert report.breaks == []
    stacks.passed()
