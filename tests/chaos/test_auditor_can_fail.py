"""The auditor is proven by breaking the platform: each broken variant is caught, by the statement that names it.

One stack carries a run for each variant: a service is started broken, trades pass, everything comes to rest, and the
audit of that run must break. With the next variant the service is whole again, and what broke before does not count.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec.structs import asdict, replace

from backoffice_cli.auditor import AuditReport, audit, begin
from backoffice_cli.auditor.evidence.databases import superuser_url
from backoffice_cli.auditor.evidence.records import COUNTERPARTIES, CSD
from backoffice_cli.bench.trades import CALENDAR, Cast, trades
from backoffice_cli.chaos.front_office import FrontOffice
from backoffice_cli.demo.days import FIRST_DAYS, open_days
from backoffice_cli.demo.run import prepare_stack
from backoffice_cli.flow import Quiet
from backoffice_cli.platform import Stack, body_of, every_page
from backoffice_cli.reference_data.firm import load_shipped
from backoffice_cli.stack.control import bring_down, run_simulators
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.overrides import Override, override
from backoffice_cli.stack.paths import repository_root
from backoffice_cli.stack.state import Component, Phase, read_state
from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from backoffice_events.contracts.settlement import SETTLEMENT_INSTRUCTIONS
from backoffice_events.ids import new_id
from backoffice_events.records import Record
from simulators.front_office.scenario import Act

pytestmark = pytest.mark.e2e

TRADES = 40
CORRECTED = range(1, TRADES, 5)
BUSTED = range(3, TRADES, 10)
CHUNK = 8
AT_MOST, BROKEN_AT_MOST = 120.0, 8.0
UNREADABLE = Record("frontoffice.trades.v1", b"nobody", b" { not JSON \n", [("ce_id", b"unreadable")])

CAUGHT_BY = {
    "outbox-deleted-early": ("trade-capture", "exactly one end state in compliance, settlement and ledger"),
    "relay-cursor": ("trade-capture", "every outbox is drained"),
    "partition-by-seq": ("trade-capture", "all events of a key lie in one partition"),
    "amount-rounded-down": ("trade-capture", "terms and amounts that the model makes of its reports"),
    "dead-letter-without-bytes": ("trade-capture", "has the original bytes and headers of its record"),
    "offsets-committed-early": ("compliance", "every event on a topic was taken once by each consumer"),
    "inbox-missing": ("settlement", "every event on a topic was taken once by each consumer"),
    "instruction-sent-twice": ("settlement", "each instruction is sent once"),
    "event-dropped": ("ledger", "every source event has its one journal"),
    "reversal-disguised": ("ledger", "every confirmation of the CSD settled once"),
    "parked-forgotten": ("ledger", "nothing is parked for ever"),
}


@dataclass
class Stage:
    """A stack with outsiders that make no mistakes, and the breaks that earlier runs left in it for good."""

    platform: Stack
    broken: str | None = None
    known: set[tuple[str, str, str]] = field(default_factory=set)

    def run_broken(self, service: str, variant: str) -> None:
        """Start a service broken, and the one that was broken before whole again."""
        once = self.platform.folder / f"{variant}.once"
        environment = {"BACKOFFICE_SABOTAGE": f"break:{variant}", "BACKOFFICE_SABOTAGE_ONCE": str(once)}
        wanted: dict[str, Override | None] = {} if self.broken is None else {self.broken: None}
        wanted[service] = Override("backoffice_cli.chaos.sabotage", environment=environment)
        self.broken = service
        former = {name: self._part(name).pid for name in wanted}
        for name, pid in former.items():
            override(self.platform.folder, name, wanted[name])
            assert pid is not None
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + AT_MOST
        while not all(self._is_new(name, pid) for name, pid in former.items()):
            assert time.monotonic() < deadline, f"{', '.join(former)} did not come back"
            time.sleep(0.1)

    def _part(self, name: str) -> Component:
        state = read_state(self.platform.folder)
        assert state is not None
        return state.components[name]

    def _is_new(self, name: str, former: int | None) -> bool:
        part = self._part(name)
        return part.phase is Phase.READY and part.pid not in {None, former}

    def rest(self) -> None:
        """Wait until nothing moves; a broken service may never come to rest."""
        with contextlib.suppress(*([StackError] if self.broken else [])):
            at_most = BROKEN_AT_MOST if self.broken else AT_MOST
            Quiet(self.platform, lambda _: None).wait(still_for=1.5, at_most=at_most)

    def ledger_refuses(self) -> None:
        """Wait until the ledger has an open dead letter."""
        deadline = time.monotonic() + AT_MOST
        while not _open_letters(self):
            assert time.monotonic() < deadline, "the ledger took the poison"
            time.sleep(0.1)

    def audited(self, record: Path) -> AuditReport:
        """Audit a run and leave only what is broken anew."""
        report = audit(self.platform, record, seed=record.name, say=print)
        for statement in report.statements:
            new = [
                each for each in statement.breaks if (each.statement, each.key, each.found) not in self.known
            ]
            self.known |= {(each.statement, each.key, each.found) for each in statement.breaks}
            statement.breaks[:] = new
        return report


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Return a stack of its own with a firm on it."""
    folder = Path(tempfile.mkdtemp(prefix="backoffice-auditor-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    try:
        platform = prepare_stack(folder / "state", print)
        load_shipped(platform, print)
        open_days(platform, print)
        said = folder / "said"
        switches = {
            "counterparties": ("--delay-seconds=0", f"--record={said / COUNTERPARTIES}"),
            "csd": (f"--record={said / CSD}",),
        }
        run_simulators(platform.folder, switches)
        made = Stage(Stack.running(platform.folder))
        made.rest()
        yield made
    finally:
        bring_down(folder / "state")
        shutil.rmtree(folder, ignore_errors=True)


def play(stage: Stage, name: str) -> Path:
    """Let trades pass, with corrections, busts, resends and poison, and return the run's record."""
    folder = stage.platform.folder.parent
    record = folder / name
    record.mkdir()
    for said in (COUNTERPARTIES, CSD):
        (record / said).symlink_to(folder / "said" / said)
    begin(stage.platform, record)
    with FrontOffice(stage.platform.bootstrap_servers, record) as office:
        executed = list(_executions())
        acts = [Act(report, new_id()) for report in executed]
        _publish(office, acts)
        stage.rest()
        office.send([_poison(stage, executed[CORRECTED[0]]), UNREADABLE], "poison").result(AT_MOST)
        stage.ledger_refuses()
        _publish(office, [*_sequels(executed), *acts[::9]])
        stage.rest()
    _discard(stage)
    return record


def _publish(office: FrontOffice, acts: Sequence[Act]) -> None:
    """Publish a few at a time, with a pause between, so that several batches form."""
    rest = iter(acts)
    while chunk := list(islice(rest, CHUNK)):
        office.publish(chunk).result(AT_MOST)
        time.sleep(0.2)


def _executions() -> Iterator[TradeExecuted]:
    """Yield trades with fractions of a share, so that their amounts have to be rounded."""
    run = new_id().replace("-", "")[-12:]
    cast = Cast.shipped(repository_root() / "data")
    for each in trades(cast, date.fromisoformat(FIRST_DAYS[CALENDAR]), run, TRADES):
        yield replace(each, quantity=each.quantity + Decimal("0.5"))


def _sequels(executed: Sequence[TradeExecuted]) -> Iterator[Act]:
    """Yield corrections of some and busts of others."""
    for number in CORRECTED:
        terms = asdict(executed[number])
        yield Act(TradeCorrected(**{**terms, "version": 2, "price": terms["price"] + 1}), new_id())
    for number in BUSTED:
        each = executed[number]
        bust = TradeBusted(
            source_system=each.source_system, trade_reference=each.trade_reference, version=2, reason="a test"
        )
        yield Act(bust, new_id())


def _poison(stage: Stage, execution: TradeExecuted) -> Record:
    """Return a record that the ledger cannot read, in the key of a trade that will be corrected."""
    with stage.platform.client("trade-capture", "operations") as client:
        (trade,) = every_page(client, "/trades", trade_reference=execution.trade_reference)
    return Record(SETTLEMENT_INSTRUCTIONS.name, trade["trade_id"].encode(), b"no event", [])


def _open_letters(stage: Stage) -> list[dict[str, Any]]:
    with stage.platform.client("ledger", "operations") as client:
        return list(every_page(client, "/messaging/dead-letters", status="open"))


def _discard(stage: Stage) -> None:
    """Give up what the ledger could not read: what waits behind it goes on, in the same transaction."""
    ids = [letter["id"] for letter in _open_letters(stage)]
    if not ids:
        return
    with stage.platform.client("ledger", "operations") as client:
        wanted = {"ids": ids, "reason": "poison of a test"}
        made = body_of(client.post("/messaging/dead-letters/discard", json=wanted))
    with stage.platform.client("ledger", "operations", 2) as second_person:
        body_of(second_person.post(f"/approvals/{made['approval_id']}/approve", json={}))


@pytest.fixture(scope="module")
def whole(stage: Stage) -> Path:
    """Return the record of a run on a stack that is not broken."""
    return play(stage, "whole")


def test_a_whole_platform_is_found_clean(stage: Stage, whole: Path) -> None:
    report = stage.audited(whole)
    assert [(each.statement, each.key, each.expected, each.found) for each in report.breaks] == []
    assert report.ok
    assert report.counts["uncertain"] == 0
    assert all(statement.checked for statement in report.statements if "failing" not in statement.name)


@pytest.mark.parametrize("variant", CAUGHT_BY)
def test_a_broken_variant_is_caught_by_its_statement(stage: Stage, whole: Path, variant: str) -> None:
    service, statement = CAUGHT_BY[variant]
    stage.run_broken(service, variant)
    report = stage.audited(play(stage, variant))
    caught = [each for each in report.breaks if statement in each.statement]
    assert caught, [(each.statement, each.key) for each in report.breaks]
    assert caught[0].timeline, f"{caught[0].key} has no story"


def test_a_reversal_booked_twice_is_refused_by_the_database_itself(stage: Stage, whole: Path) -> None:
    stage.run_broken("ledger", "reversal-twice")
    report = stage.audited(play(stage, "reversal-twice"))
    with stage.platform.client("ledger", "operations") as client:
        reasons = [each["reason"] for each in every_page(client, "/messaging/dead-letters")]
    assert any('violates unique constraint "journal_' in reason for reason in reasons)
    assert not [each for each in report.breaks if "taken back twice" in each.statement]


TAMPERING = {
    "one wrong balance": (
        "balances equal the sum of the lines",
        """
        ALTER TABLE account_balance DISABLE TRIGGER USER;
        UPDATE account_balance SET debit = debit + 0.01 WHERE ctid = (SELECT min(ctid) FROM account_balance)
        """,
    ),
    "one missing journal": (
        "every source event has its one journal",
        """
        ALTER TABLE journal DISABLE TRIGGER USER;
        ALTER TABLE journal_line DISABLE TRIGGER USER;
        ALTER TABLE stock_movement DISABLE TRIGGER USER;
        WITH gone AS (DELETE FROM journal WHERE ctid = (SELECT min(ctid) FROM journal) RETURNING journal_id),
             lines AS (DELETE FROM journal_line WHERE journal_id IN (SELECT journal_id FROM gone))
        DELETE FROM stock_movement WHERE journal_id IN (SELECT journal_id FROM gone)
        """,
    ),
    "one extra movement": (
        "these belong to a journal",
        """
        ALTER TABLE stock_movement DISABLE TRIGGER USER;
        INSERT INTO stock_movement SELECT gen_random_uuid(), book, isin, posting_date, 1, 1, 0, 0
        FROM stock_movement LIMIT 1
        """,
    ),
    "one changed amount in a balanced journal": (
        "balances, positions and cash of every trade equal those of the model",
        """
        ALTER TABLE journal_line DISABLE TRIGGER USER;
        UPDATE journal_line SET amount = amount + sign(amount) WHERE journal_id = (
            SELECT journal_id FROM journal_line GROUP BY 1 HAVING count(*) = 2 ORDER BY 1 LIMIT 1)
        """,
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_tampering_with_the_books_is_caught(stage: Stage, whole: Path, what: str) -> None:
    statement, script = TAMPERING[what]
    superuser = await asyncpg.connect(superuser_url(stage.platform, "ledger"))
    try:
        await superuser.execute(script)
    finally:
        await superuser.close()
    report = await asyncio.to_thread(stage.audited, whole)
    assert [each for each in report.breaks if statement in each.statement]
