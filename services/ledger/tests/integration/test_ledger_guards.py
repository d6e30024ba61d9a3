"""The database refuses by itself: attacked with raw SQL, as the run-time role, as the owner and as the superuser."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from backoffice_cli.stack.testing import Migrated, PostgresServer
from backoffice_events.ids import new_id

MIGRATIONS = Path(__file__).parents[2] / "migrations"

pytestmark = pytest.mark.integration

HEADER = """
    INSERT INTO journal (journal_id, source_event_id, kind, trade_id, trade_version, instruction_id, csd_reference,
        reverses_journal_id, effective_date, posting_date, settlement_calendar, entity_lei, book, isin, line_count,
        recorded_at)
    VALUES ('{journal}', '{event}', '{kind}', '{trade}', 1, {instruction}, {csd_reference},
        {reverses}, '{day}', '{day}', '{calendar}', 'LEI', '{book}', 'ISIN', {line_count},
        now())
"""
MOVEMENT = """
    INSERT INTO stock_movement VALUES ('{journal}', '{book}', 'ISIN', '{day}', {traded}, 0, {in_flight}, 0)
"""
LINES = "INSERT INTO journal_line VALUES {lines}"


def posting(**changes: Any) -> str:
    """Return the statement that posts one journal, right unless a change makes it wrong."""
    fields: dict[str, Any] = {
        "journal": new_id(),
        "event": new_id(),
        "kind": "TRADE_DATE",
        "trade": new_id(),
        "instruction": "NULL",
        "csd_reference": "NULL",
        "reverses": "NULL",
        "day": "2024-06-03",
        "calendar": "US",
        "book": "EQ-1",
        "traded": 5,
        "in_flight": 5,
        "amounts": (("1310", "USD", "10"), ("2110", "USD", "-10")),
    } | changes
    fields.setdefault("line_count", len(fields["amounts"]))
    fields["lines"] = ", ".join(
        f"('{fields['journal']}', {number}, '{account}', '{currency}', '{amount}', "
        f"'{changes.get('line_day', fields['day'])}')"
        for number, (account, currency, amount) in enumerate(fields["amounts"], 1)
    )
    lines = LINES if fields["amounts"] else "SELECT"
    return f"WITH j AS ({HEADER}), m AS ({MOVEMENT}) {lines}".format(**fields)


def reversal(original: str, **changes: Any) -> str:
    """Return the statement that posts the mirror of a journal that `posting` posted."""
    mirror: dict[str, Any] = {
        "kind": "REVERSAL",
        "reverses": f"'{original}'",
        "traded": -5,
        "in_flight": -5,
        "amounts": (("1310", "USD", "-10"), ("2110", "USD", "10")),
    }
    return posting(**(mirror | changes))


@pytest.fixture(scope="module")
async def attacked_database(postgres: PostgresServer, migrated_database: Migrated) -> str:
    """Return the name of a database that all attacks of this module share: each is rolled back.

    The run-time role may make temporary tables here, which it may not otherwise: the guards do not rest on that.
    """
    database = (await migrated_database(MIGRATIONS)).rpartition("/")[2]
    admin = await asyncpg.connect(postgres.admin_url)
    await admin.execute(f"GRANT TEMPORARY ON DATABASE {database} TO ledger")
    await admin.close()
    return database


@pytest.fixture(params=["ledger", "ledger_owner", "postgres"])
async def attacker(
    request: pytest.FixtureRequest, postgres: PostgresServer, attacked_database: str
) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection of each role to a database with one open calendar, in a transaction."""
    url = postgres.url(request.param, attacked_database).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO posting_calendar (calendar) VALUES ('US')")
    yield connection
    await transaction.rollback()
    await connection.close()


async def refused(connection: asyncpg.Connection, attempt: str, state: str, told: str | None = None) -> None:
    """Assert that a statement fails with a state, in a savepoint."""
    with pytest.raises(asyncpg.PostgresError, match=told) as caught:
        async with connection.transaction():
            await connection.execute(attempt)
    assert caught.value.sqlstate in state.split("|")


async def count(connection: asyncpg.Connection, table: str = "journal") -> int:
    return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608  table names of ours


async def test_a_whole_and_balanced_journal_is_taken(attacker: asyncpg.Connection) -> None:
    await attacker.execute(posting())
    assert await count(attacker) == 1
    assert await attacker.fetch(
        "SELECT account_code, debit, credit, lines FROM account_balance ORDER BY 1"
    ) == [
        ("1310", 10, 0, 1),
        ("2110", 0, 10, 1),
    ]


@pytest.mark.parametrize(
    ("changes", "state", "told"),
    [
        ({"amounts": (("1310", "USD", "10"), ("2110", "USD", "-9.99"))}, "BO002", "does not balance"),
        ({"amounts": (("1310", "USD", "10"), ("2110", "EUR", "-10"))}, "BO002", "does not balance"),
        ({"amounts": (("1310", "USD", "NaN"), ("2110", "USD", "-10"))}, "BO002", "does not balance"),
        (
            {"amounts": (("1310", "USD", "Infinity"), ("2110", "USD", "-Infinity"))},
            "BO002",
            "does not balance",
        ),
        ({"amounts": (("1310", "usd", "10"), ("2110", "usd", "-10"))}, "23514", "currency_check"),
        ({"amounts": (), "line_count": 2}, "BO001", "no lines"),
        ({"line_count": 3}, "BO001", "not those of a whole new journal"),
        ({"line_day": "2024-06-04"}, "BO001", "not those of a whole new journal"),
        ({"amounts": (("9999", "USD", "10"), ("2110", "USD", "-10"))}, "BO003", "account 9999 is unknown"),
        ({"calendar": "XX"}, "BO004", "unknown"),
        ({"in_flight": 4}, "23514", "in_flight_or_settled"),
        ({"traded": "'NaN'", "in_flight": "'NaN'"}, "23514", "finite_quantities"),
        ({"traded": "'-Infinity'", "in_flight": "'-Infinity'"}, "23514", "finite_quantities"),
        ({"kind": "REVERSAL"}, "23514", "journal_check"),
        ({"kind": "SETTLEMENT"}, "23514", "journal_check"),
        ({"amounts": (), "line_count": 0}, "23514", "line_count"),
    ],
)
async def test_a_wrong_journal_is_refused(
    attacker: asyncpg.Connection, changes: dict[str, Any], state: str, told: str
) -> None:
    await refused(attacker, posting(**changes), state, told)
    assert await count(attacker) == 0
    assert await count(attacker, "account_balance") == 0


async def test_a_journal_without_movement_is_refused(attacker: asyncpg.Connection) -> None:
    header, _, lines = posting().partition(", m AS")
    lines = lines[lines.index("INSERT INTO journal_line") :]
    await refused(attacker, f"{header} {lines}", "BO001", "no movement")


async def test_a_closed_account_takes_no_line(attacker: asyncpg.Connection) -> None:
    await attacker.execute("UPDATE account SET status = 'CLOSED' WHERE code = '1310'")
    await refused(attacker, posting(), "BO003", "account 1310 is unknown or closed")


@pytest.mark.parametrize("day", ["2024-06-03", "2024-01-01"])
async def test_a_closed_day_takes_no_posting(attacker: asyncpg.Connection, day: str) -> None:
    await attacker.execute("UPDATE posting_calendar SET closed_through = '2024-06-03'")
    await refused(attacker, posting(day=day), "BO004", f"day {day} of calendar US is closed")
    await attacker.execute(posting(day="2024-06-04"))


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE posting_calendar SET closed_through = '2024-06-02'",
        "UPDATE posting_calendar SET calendar = 'OTHER'",
        "DELETE FROM posting_calendar",
    ],
)
async def test_a_closed_day_is_not_reopened(attacker: asyncpg.Connection, attack: str) -> None:
    await attacker.execute("UPDATE posting_calendar SET closed_through = '2024-06-03'")
    await refused(attacker, attack, "BO008", "closed through 2024-06-03")


@pytest.mark.parametrize("attack", ["business_date = '2024-06-03'", "version = 1"])
async def test_a_calendar_does_not_go_back(attacker: asyncpg.Connection, attack: str) -> None:
    await attacker.execute("UPDATE posting_calendar SET version = 2, business_date = '2024-06-04'")
    await refused(
        attacker,
        f"UPDATE posting_calendar SET {attack}",  # noqa: S608  attacks of ours
        "BO008",
        "stands at 2024-06-04, version 2",
    )


@pytest.mark.parametrize("table", ["journal", "journal_line", "stock_movement"])
@pytest.mark.parametrize(
    "attack", ["UPDATE {} SET posting_date = '2024-06-05'", "DELETE FROM {}", "TRUNCATE {}"]
)
async def test_what_was_posted_stands(attacker: asyncpg.Connection, table: str, attack: str) -> None:
    await attacker.execute(posting())
    await refused(attacker, attack.format(table), "BO006|42501")
    assert await count(attacker, table) >= 1


@pytest.mark.parametrize("table", ["account_balance", "position_balance"])
@pytest.mark.parametrize("attack", ["UPDATE {} SET book = 'X'", "DELETE FROM {}", "TRUNCATE {}"])
async def test_rollups_are_the_databases_own(attacker: asyncpg.Connection, table: str, attack: str) -> None:
    await attacker.execute(posting())
    await refused(attacker, attack.format(table), "BO007|42501")


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE booked_trade SET trade_id = gen_random_uuid()",
        "DELETE FROM booked_trade",
        "TRUNCATE booked_trade",
    ],
)
async def test_the_list_of_trades_in_the_books_stands(attacker: asyncpg.Connection, attack: str) -> None:
    await refused(attacker, attack, "BO006|42501")


_OWN_TRIGGER = """
    CREATE FUNCTION pg_temp.pretend() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN UPDATE account_balance SET debit = debit + 1; RETURN NULL; END $$;
    CREATE TEMPORARY TABLE lever (pulled boolean);
    CREATE TRIGGER pulled AFTER INSERT ON lever EXECUTE FUNCTION pg_temp.pretend();
    INSERT INTO lever VALUES (true);
"""
_BORROWED_TRIGGER = """
    CREATE TEMPORARY TABLE lever (LIKE journal_line);
    CREATE TRIGGER pulled AFTER INSERT ON lever REFERENCING NEW TABLE AS new_lines
        FOR EACH STATEMENT EXECUTE FUNCTION public.guard_lines();
"""


@pytest.mark.parametrize("attack", [_OWN_TRIGGER, _BORROWED_TRIGGER])
@pytest.mark.parametrize("attacker", ["ledger"], indirect=True)
async def test_the_service_does_not_reach_the_rollups_by_a_trigger_of_its_own(
    attacker: asyncpg.Connection, attack: str
) -> None:
    await attacker.execute(posting())
    await refused(attacker, attack, "BO007|42501")


@pytest.mark.parametrize("change", ["code = '1311'", "type = 'LIABILITY'", "normal_side = 'CREDIT'"])
async def test_an_account_stays_what_its_lines_were_posted_to(
    attacker: asyncpg.Connection, change: str
) -> None:
    await attacker.execute(posting())
    attack = f"UPDATE account SET {change} WHERE code = '1310'"  # noqa: S608  attacks of ours
    await refused(attacker, attack, "BO009", "account 1310 keeps")


async def test_no_line_is_added_to_a_posted_journal(attacker: asyncpg.Connection) -> None:
    journal = new_id()
    await attacker.execute(posting(journal=journal))
    more = """
        INSERT INTO journal_line VALUES
            ('{0}', {1}, '1310', 'USD', 5, '2024-06-03'), ('{0}', {2}, '2110', 'USD', -5, '2024-06-03')
    """
    await refused(attacker, more.format(journal, 3, 4), "BO001", "not those of a whole new journal")
    await refused(attacker, more.format(journal, 1, 2), "23505", "journal_line_pkey")
    await refused(attacker, more.format(new_id(), 1, 2), "BO001", "not those of a whole new journal")


async def test_no_movement_is_added_to_a_posted_journal(attacker: asyncpg.Connection) -> None:
    journal = new_id()
    await attacker.execute(posting(journal=journal))
    more = "INSERT INTO stock_movement VALUES ('{}', 'EQ-1', 'ISIN', '2024-06-03', 1, 1, 0, 0)"
    await refused(attacker, more.format(journal), "23505", "stock_movement_pkey")
    await refused(attacker, more.format(new_id()), "BO001", "not that of journal")


async def test_a_source_event_posts_one_journal(attacker: asyncpg.Connection) -> None:
    event = new_id()
    await attacker.execute(posting(event=event))
    second = posting(event=event, kind="SETTLEMENT", instruction="'I'", csd_reference="'C'")
    await refused(attacker, second, "23505", "journal_source_event")


async def test_a_trade_version_has_one_trade_date_journal(attacker: asyncpg.Connection) -> None:
    trade = new_id()
    await attacker.execute(posting(trade=trade))
    await refused(attacker, posting(trade=trade), "23505", "journal_natural_key")


async def test_a_csd_confirmation_is_booked_once(attacker: asyncpg.Connection) -> None:
    settlement = {"trade": new_id(), "kind": "SETTLEMENT", "instruction": "'I'", "csd_reference": "'C'"}
    await attacker.execute(posting(**settlement))
    await refused(attacker, posting(**settlement), "23505", "journal_natural_key")


async def test_a_journal_is_reversed_once(attacker: asyncpg.Connection) -> None:
    journal, trade = new_id(), new_id()
    await attacker.execute(posting(journal=journal, trade=trade))
    await attacker.execute(reversal(journal, trade=trade))
    await refused(attacker, reversal(journal, trade=trade), "23505", "journal_")


@pytest.mark.parametrize(
    "changes",
    [
        {"amounts": (("1310", "USD", "-9"), ("2110", "USD", "9"))},
        {"amounts": (("1310", "EUR", "-10"), ("2110", "EUR", "10"))},
        {"amounts": (("1320", "USD", "-10"), ("2110", "USD", "10"))},
        {"traded": -4, "in_flight": -4},
        {"book": "EQ-2"},
        {"trade": new_id()},
        {"kind": "RELEASE"},
        {"reverses": f"'{new_id()}'"},
        {"day": "2024-06-02"},
    ],
)
async def test_a_reversal_is_the_exact_mirror(attacker: asyncpg.Connection, changes: dict[str, Any]) -> None:
    journal, trade = new_id(), new_id()
    await attacker.execute(posting(journal=journal, trade=trade))
    attempt = reversal(journal, **({"trade": trade} | changes))
    await refused(attacker, attempt, "BO005", "does not mirror")


async def test_of_many_concurrent_reversals_exactly_one_succeeds(
    postgres: PostgresServer, database_url: str
) -> None:
    url = database_url.replace("+asyncpg", "")
    connections = [await asyncpg.connect(url) for _ in range(8)]
    journal, trade = new_id(), new_id()
    await connections[0].execute("INSERT INTO posting_calendar (calendar) VALUES ('US')")
    await connections[0].execute(posting(journal=journal, trade=trade))
    attempts = [connection.execute(reversal(journal, trade=trade)) for connection in connections]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["UniqueViolationError"] * 7 + ["str"]
    assert await count(connections[0]) == 2
    for connection in connections:
        await connection.close()


async def test_triggers_are_not_evaded_by_claiming_to_replicate(
    postgres: PostgresServer, database_url: str
) -> None:
    database = database_url.rpartition("/")[2]
    superuser = await asyncpg.connect(postgres.url("postgres", database).replace("+asyncpg", ""))
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute("INSERT INTO posting_calendar (calendar) VALUES ('US')")
    wrong = posting(amounts=(("1310", "USD", "10"), ("2110", "USD", "-9")))
    await refused(superuser, wrong, "BO002", "does not balance")
    await superuser.execute(posting())
    await refused(superuser, "DELETE FROM journal_line", "BO006", "append-only")
    await superuser.close()


async def test_a_posting_holds_its_day_open_until_it_is_committed(database_url: str) -> None:
    url = database_url.replace("+asyncpg", "")
    poster, closer = await asyncpg.connect(url), await asyncpg.connect(url)
    await poster.execute("INSERT INTO posting_calendar (calendar) VALUES ('US')")
    async with poster.transaction():
        await poster.execute(posting())
        await closer.execute("SET lock_timeout = '50ms'")
        close = "UPDATE posting_calendar SET closed_through = '2024-06-03'"
        await refused(closer, close, "55P03", "lock timeout")
        await refused(closer, "UPDATE account SET status = 'CLOSED'", "55P03", "lock timeout")
    await closer.execute(close)
    await poster.close()
    await closer.close()
