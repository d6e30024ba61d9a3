"""Compliance keeps no account of a trade, what an older release kept may go, and books find their decisions."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_chassis import Role, Scope
from backoffice_chassis.testing import client_for, found_in_clear
from backoffice_cli.stack.testing import PostgresServer
from backoffice_events.contracts.hr import Employee, EmployeeHired
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import Trade, TradeCaptured
from backoffice_events.messaging import Batch, UnitOfWork
from compliance.checks import scoping
from compliance.checks.handlers import Judge
from compliance.checks.tables import decision
from compliance.reference.handlers import on_employees, on_reference
from compliance.rules.repository import RulebookReader
from compliance.screening.jobs import Screener
from compliance.screening.versions import IndexReader

pytestmark = pytest.mark.integration

NOW = datetime(2024, 8, 8, 14, 31, tzinfo=UTC)
ACCOUNTS = ("ACCT-7781", "ACCT-7782", "ACCT-7783")
GUIDE = Path(__file__).parents[4] / "docs" / "operators.md"
OF_AN_OLDER_RELEASE = """
UPDATE decision SET inputs = jsonb_set(inputs::jsonb, '{trade,settlement_parties}',
    inputs::jsonb #> '{trade,settlement_parties}'
    || '{"safekeeping_account": "ACCT-7781", "cash_account": "ACCT-7782", "counterparty_account": "ACCT-7783"}')::json
"""
MANY = """
INSERT INTO decision (decision_id, trade_id, trade_version, decision_version, status, reasons, findings, inputs,
                      rules_version, decided_at)
SELECT uuidv7(), gen_random_uuid(), 1, 1, status, reasons, findings,
       replace(inputs::text, '"book":"EQ-1"', '"book":"EQ-' || number % 10 || '"')::json, 0, decided_at
FROM decision, generate_series(1, 10000) AS number
"""

Connection = Any  # asyncpg's
Judged = Callable[[Trade], Awaitable[None]]


@pytest.fixture
def carried(make_trade: Callable[..., Trade]) -> Trade:
    """Return a trade with accounts that stand nowhere else."""
    trade = make_trade()
    names = ("safekeeping_account", "cash_account", "counterparty_account")
    accounts: dict[str, Any] = dict(zip(names, ACCOUNTS, strict=True))
    parties = msgspec.structs.replace(trade.settlement_parties, **accounts)
    return msgspec.structs.replace(trade, settlement_parties=parties)


@pytest.fixture
async def engine_of_it(database: str) -> Any:
    engine = create_async_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
def judged(
    engine_of_it: AsyncEngine,
    instrument: InstrumentChanged,
    counterparty: CounterpartyChanged,
    employee: Employee,
) -> Judged:
    """Return what lets a trade be judged, with all that is to be known of it."""

    async def judge(trade: Trade) -> None:
        async with engine_of_it.begin() as connection:
            await on_reference(Batch.of(connection, [instrument, counterparty]))
            await on_employees(Batch.of(connection, [EmployeeHired(employee=employee)]))
            await Screener(IndexReader()).screen_stale(UnitOfWork(connection, now=NOW, source="urn:test"))
            await Judge(RulebookReader()).on_trades(
                Batch.of(connection, [TradeCaptured(trade=trade)], now=NOW)
            )

    return judge


@pytest.fixture
async def superuser(database: str, postgres: PostgresServer) -> Any:
    name = database.rpartition("/")[2]
    connection = await asyncpg.connect(postgres.url("postgres", name).replace("+asyncpg", ""))
    yield connection
    await connection.close()


@pytest.fixture
async def kept_formerly(judged: Judged, carried: Trade, superuser: Connection) -> None:
    """Keep a decision as a release did that kept accounts."""
    await judged(carried)
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute(OF_AN_OLDER_RELEASE)


async def kept(engine: AsyncEngine) -> tuple[int, int]:
    """Return how many decisions are kept, and how many trades wait."""
    count = text("SELECT (SELECT count(*) FROM decision), (SELECT count(*) FROM waiting)")
    async with engine.connect() as connection:
        decisions, waiting = (await connection.execute(count)).one()
    return decisions, waiting


def statement_of_the_guide() -> str:
    found = re.search(r'"(UPDATE decision [^"]+)"', GUIDE.read_text())
    assert found, "docs/operators.md says how accounts leave the decisions of an older release"
    return found[1]


async def test_no_account_of_a_trade_that_was_judged_is_kept(
    database: str, engine_of_it: AsyncEngine, judged: Judged, carried: Trade
) -> None:
    await judged(carried)
    assert await kept(engine_of_it) == (1, 0)
    assert await found_in_clear(database, ACCOUNTS) == set()
    assert {place for place, _ in await found_in_clear(database, [carried.trade_reference])} == {
        "decision.inputs"
    }


async def test_no_account_of_a_trade_that_waits_is_kept(
    database: str, engine_of_it: AsyncEngine, carried: Trade
) -> None:
    async with engine_of_it.begin() as connection:
        batch = Batch.of(connection, [TradeCaptured(trade=carried)], now=NOW)
        await Judge(RulebookReader()).on_trades(batch)
    assert await kept(engine_of_it) == (0, 1)
    assert await found_in_clear(database, ACCOUNTS) == set()


@pytest.mark.usefixtures("kept_formerly")
async def test_accounts_that_an_older_release_kept_go_by_the_guides_statement_and_nothing_else_does(
    database: str, engine_of_it: AsyncEngine, app: Any
) -> None:
    assert {place for place, _ in await found_in_clear(database, ACCOUNTS)} == {"decision.inputs"}
    for change in (
        "inputs = '{}'",
        "inputs = NULL",
        "inputs = without_accounts(inputs), status = 'BLOCKED'",
        "inputs = replace(inputs::text, 'BUY', 'SELL')::json",
    ):
        async with engine_of_it.connect() as connection:
            with pytest.raises(IntegrityError, match="append-only"):
                await connection.execute(text(f"UPDATE decision SET {change}"))  # noqa: S608
    async with engine_of_it.begin() as connection:
        gone = await connection.exec_driver_sql(statement_of_the_guide())
        again = await connection.exec_driver_sql(statement_of_the_guide())
    assert (gone.rowcount, again.rowcount) == (1, 0)
    assert await found_in_clear(database, ACCOUNTS) == set()
    async with client_for(app, "olga", Role.COMPLIANCE_OFFICER) as client:
        [listed] = (await client.get("/decisions")).json()["items"]
        replayed = await client.get(f"/decisions/{listed['decision_id']}/replay")
    assert (replayed.status_code, replayed.json()["same"]) == (200, True), replayed.text


@pytest.mark.parametrize("decided_by_an_older_release", [False, True])
async def test_decisions_of_a_book_that_trades_little_are_found_without_reading_the_others(
    judged: Judged,
    engine_of_it: AsyncEngine,
    make_trade: Callable[..., Trade],
    superuser: Connection,
    *,
    decided_by_an_older_release: bool,
) -> None:
    await judged(make_trade())
    await superuser.execute(MANY)
    await judged(make_trade(book="RARE"))
    assert await superuser.fetchval("SELECT count(*) FROM decision WHERE book = 'RARE'") == 1
    if decided_by_an_older_release:
        await superuser.execute("SET session_replication_role = replica")
        await superuser.execute("UPDATE decision SET book = NULL")
    await superuser.execute("ANALYZE decision")
    limited = select(decision.c.decision_id).where(scoping.in_scope(Scope(books=frozenset({"RARE"}))))
    page = limited.order_by(decision.c.decision_id).limit(101)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    query = str(page.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    async with engine_of_it.connect() as connection:
        plan = "\n".join((await connection.execute(text(f"EXPLAIN {query}"))).scalars())
        assert len((await connection.execute(page)).all()) == 1
    assert "decision_book" in plan, plan
    assert "decision_by_people" in plan, plan
