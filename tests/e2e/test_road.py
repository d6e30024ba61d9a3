"""The road in full: trades with every mishap, services killed on the way, and books that reconcile at the end."""

import asyncio
import os
import re
import signal
import threading
from collections.abc import Collection

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from backoffice_chassis.testing import found_in_clear
from backoffice_cli.auditor.evidence.databases import superuser_url
from backoffice_cli.commands.reconcile import run as reconcile
from backoffice_cli.demo.run import settle, trade
from backoffice_cli.demo.story import story_of
from backoffice_cli.flow import consumed
from backoffice_cli.platform import Stack, body_of, every_page
from backoffice_cli.reconciliation.report import Report
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.state import read_state
from backoffice_events.brokers import Brokers
from backoffice_events.contracts.base import all_topics
from backoffice_events.contracts.csd import CSD_INSTRUCTIONS
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES
from simulators.topics import asking, reading, until_now

pytestmark = pytest.mark.e2e

TRADES = 600
ACCOUNTS = ("TEST-S-", "TEST-C-")
"""How every account of the demo's firm begins: made up, so that none is anybody's."""
LOOKED_AT = 40
KILLED = ("trade-capture", "compliance", "settlement", "ledger")


def kill_on_the_way(platform: Stack, done: threading.Event) -> None:
    """Kill each service once, SIGKILL, while trades pass through it."""
    for number, service in enumerate(KILLED):
        while consumed(platform)["trade-capture.trades"] < 60 * (number + 1) and not done.wait(0.2):
            pass
        state = read_state(platform.folder)
        pid = state.components[service].pid if state else None
        if pid:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def outcome(platform: Stack) -> Report:
    """Trade, with a death in each service, settle, and reconcile."""
    done = threading.Event()
    killer = threading.Thread(target=kill_on_the_way, args=(platform, done))
    killer.start()
    try:
        trade(platform, TRADES, 60, "1")
    finally:
        done.set()
        killer.join()
    settle(platform)
    return reconcile(platform)


def test_nothing_is_lost_and_nothing_happens_twice(outcome: Report) -> None:
    assert outcome.breaks == []
    assert outcome.ok


def test_each_service_died_and_came_back(platform: Stack, outcome: Report) -> None:
    state = read_state(platform.folder)
    assert state is not None
    assert {name for name, part in state.components.items() if part.restarts} >= set(KILLED)


def test_every_trade_has_an_end_state(outcome: Report) -> None:
    trades = outcome.trades
    assert trades.published == trades.captured + trades.in_repair + trades.rejected
    assert trades.captured == trades.cancelled + trades.confirmed + trades.mismatched + trades.unconfirmed
    assert trades.captured == trades.cancelled + trades.cleared + trades.held + trades.blocked
    assert trades.settled > TRADES * 0.8


def test_the_ledger_balances_and_has_two_journals_for_a_settled_trade(outcome: Report) -> None:
    assert outcome.ledger["balanced"]
    assert outcome.ledger["journals"] >= 2 * outcome.trades.settled


def test_a_leavers_trade_is_held_by_compliance(platform: Stack, outcome: Report) -> None:
    with platform.client("compliance", "auditor") as client:
        held = list(every_page(client, "/decisions", outcome="HELD"))
    assert any("EMPLOYMENT" in decision["reasons"] for decision in held)


def test_a_settled_trades_story_runs_through_every_service(platform: Stack, outcome: Report) -> None:
    with platform.client("settlement", "operations") as client:
        settled = body_of(client.get("/settlements", params={"state": "SETTLED", "limit": 1}))["items"][0]
    services = {chapter.service for chapter in story_of(platform, settled["trade_id"])}
    assert services == {"trade-capture", "compliance", "settlement", "ledger"}


def test_the_trial_balance_agrees_on_both_sides(platform: Stack, outcome: Report) -> None:
    with platform.client("ledger", "finance") as client:
        balance = body_of(client.get("/trial-balance"))
    assert balance["balanced"]
    assert all(total["debit"] == total["credit"] for total in balance["totals"])


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_no_account_rests_in_clear(platform: Stack, outcome: Report, service: str) -> None:
    with platform.client("trade-capture", "operations") as client:
        for known in every_page(client, "/reference/settlement-instructions"):
            assert known["safekeeping_account"].startswith(ACCOUNTS[0])
            assert known["cash_account"].startswith(ACCOUNTS[1])
    url = superuser_url(platform, service.replace("-", "_")).replace("postgresql", "postgresql+asyncpg")
    assert asyncio.run(found_in_clear(url, ACCOUNTS)) == set()


def test_no_account_travels_in_clear_but_to_the_csd(platform: Stack, outcome: Report) -> None:
    told = asyncio.run(topics_that_tell(platform.brokers, [account.encode() for account in ACCOUNTS]))
    assert told == {CSD_INSTRUCTIONS.name}


def test_the_csd_is_told_each_trades_own_accounts(platform: Stack, outcome: Report) -> None:
    with (
        platform.client("trade-capture", "operations") as capture,
        platform.client("settlement", "operations") as settlement,
    ):
        known = {
            (each["party"], each["place_of_settlement"], each["currency"]): each
            for each in every_page(capture, "/reference/settlement-instructions")
        }
        instructed = [each for each in every_page(settlement, "/settlements") if each["instruction"]][
            :LOOKED_AT
        ]
        assert len(instructed) == LOOKED_AT
        for each in instructed:
            trade = body_of(capture.get(f"/trades/{each['trade_id']}"))["state"]
            path = f"/instructions/{each['instruction']['instruction_id']}/messages"
            document = body_of(settlement.get(path))[0]["document"]
            where = trade["settlement_parties"]["place_of_settlement"], trade["currency"]
            ours, theirs = (known[trade[party], *where] for party in ("entity_lei", "counterparty_lei"))
            accounts = {ours["safekeeping_account"], theirs["safekeeping_account"]}
            assert set(re.findall("<SfkpgAcct><Id>(.*?)</Id>", document)) == accounts
            assert re.findall("<CshAcct><Prtry>(.*?)</Prtry>", document) == [ours["cash_account"]]


async def topics_that_tell(brokers: Brokers, words: Collection[bytes]) -> set[str]:
    """Return the topics on which one of these words stands in a record."""
    found: set[str] = set()
    async with reading(brokers, all_topics()) as consumer:
        async for records in until_now(consumer):
            found |= {
                record.topic for record in records for word in words if record.value and word in record.value
            }
    return found


async def let_retention_pass(brokers: Brokers) -> None:
    """Delete all that the front office published, as retention does."""
    places = [TopicPartition(FRONTOFFICE_TRADES.name, n) for n in range(FRONTOFFICE_TRADES.partitions)]
    async with asking(brokers) as consumer:
        ends = await consumer.end_offsets(places)
    admin = AIOKafkaAdminClient(**brokers.options())
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(end) for place, end in ends.items()})
    await admin.close()


def test_trades_past_retention_still_reconcile(platform: Stack, outcome: Report) -> None:
    asyncio.run(let_retention_pass(platform.brokers))
    report = reconcile(platform)
    assert report.breaks == []
    assert report.ok
    assert report.trades.no_longer_on_topic == outcome.trades.captured
    assert report.trades.settled == outcome.trades.settled
