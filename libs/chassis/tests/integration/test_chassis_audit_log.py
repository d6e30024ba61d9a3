"""What is changed over HTTP is recorded with it, sealed, proven; what is tampered with behind the triggers is named."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Table

from backoffice_chassis import Role, Service
from backoffice_chassis.audit import merkle, verification
from backoffice_chassis.audit.entries import leaf_data
from backoffice_chassis.audit.keys import Signer
from backoffice_chassis.audit.sealing import TamperedTreeError, seal
from backoffice_chassis.audit.tables import APPEND_ONLY, metadata
from backoffice_chassis.audit.trail import Audit, Origin
from backoffice_chassis.audit.verification import Finding, Kind
from backoffice_chassis.key_text import new_seed
from backoffice_chassis.resources import open_resources
from backoffice_chassis.testing import AUDIT_KEY, FixedClock, as_caller, client_for
from backoffice_cli.stack.testing import PostgresServer
from backoffice_events.contracts.reference import BusinessDayOpened, BusinessDayStatus
from backoffice_events.messaging import Batch, dead_letters
from backoffice_events.messaging.dead_letters import Condemned

pytestmark = pytest.mark.integration

SIGNER = Signer(AUDIT_KEY.get_secret_value())
TRUSTED = frozenset({SIGNER.public_key})


@pytest.fixture
async def superuser(
    sample: Service, postgres: PostgresServer
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The database as somebody holds it whom nothing stops, its audit log empty."""
    database = sample.settings.database_url.rpartition("/")[2]
    connection = await asyncpg.connect(postgres.url("postgres", database).replace("+asyncpg", ""))
    await without_triggers(connection, *(f"DELETE FROM {name}" for name in metadata.tables))  # noqa: S608
    yield connection
    await connection.close()


@pytest.fixture
async def auditor(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "anna", Role.AUDITOR) as client:
        yield client


async def without_triggers(connection: Any, *statements: str) -> None:
    async with connection.transaction():
        for table in APPEND_ONLY:
            await connection.execute(f"ALTER TABLE {table.name} DISABLE TRIGGER append_only")
        for statement in statements:
            await connection.execute(statement)
        for table in APPEND_ONLY:
            await connection.execute(f"ALTER TABLE {table.name} ENABLE TRIGGER append_only")


async def write(client: httpx.AsyncClient, *titles: str) -> list[str]:
    answers = [await client.post("/notes", json={"title": title, "amount": "1.50"}) for title in titles]
    assert {answer.status_code for answer in answers} <= {201}
    return [answer.json()["id"] for answer in answers]


async def sealed(sample: Service) -> int:
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        return await seal(unit, sample.name, SIGNER)


async def items(client: httpx.AsyncClient, path: str, **filters: Any) -> list[Any]:
    answer = await client.get(path, params={"limit": 1000, **filters})
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"]
    return found


async def told(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def findings(auditor: httpx.AsyncClient, trusted: frozenset[str] = TRUSTED) -> list[Finding]:
    head = await told(auditor, "/audit/head")
    found = verification.check_head(head, trusted)
    found += verification.check_leaves(await items(auditor, "/audit/leaves"), head, trusted)
    waiting = await items(auditor, "/audit/entries", sealed="false")
    return found + verification.check_unsealed(waiting, head, trusted)


async def test_a_change_is_recorded_with_who_what_when_from_where_before_and_after(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any
) -> None:
    [note] = await write(client, "first")
    changed = await client.put(
        f"/notes/{note}", json={"title": "second", "amount": "2"}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == 200
    written, put = [each["entry"] for each in await items(auditor, "/audit/entries")]
    fields = {"id": note, "version": 1, "title": "first", "amount": "1.50", "author": "olivia"}
    assert written.pop("entry_id")
    assert written == {
        "service": "notes",
        "recorded_at": "2024-06-03T09:30:00.000000Z",
        "subject": "olivia",
        "client": "test-client",
        "address": "127.0.0.1",
        "action": "write_note",
        "object_type": "note",
        "object_id": note,
        "before": None,
        "after": fields,
    }
    assert (put["action"], put["before"]["title"], put["after"]["title"]) == (
        "change_note",
        "first",
        "second",
    )


async def test_what_is_rolled_back_leaves_no_record(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any
) -> None:
    note = {"title": "first", "amount": "1.50"}
    assert (await client.post("/notes/half-done", json=note)).status_code == 500
    assert (await client.post("/notes/refused", json=note)).status_code == 409
    assert await items(auditor, "/audit/entries") == []


async def test_a_change_that_records_nothing_does_not_come_to_be(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notes/forgotten", json={"title": "first", "amount": "1.50"})
    assert answer.status_code == 500
    assert await items(client, "/notes") == []


async def test_a_repeat_under_an_idempotency_key_is_recorded_once(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any
) -> None:
    for _ in range(2):
        note = {"title": "first", "amount": "1.50"}
        answer = await client.post("/notes", json=note, headers={"Idempotency-Key": "one"})
        assert answer.status_code == 201
    assert len(await items(auditor, "/audit/entries")) == 1


async def test_entries_are_found_by_who_what_and_when(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, clock: FixedClock
) -> None:
    first, _ = await write(client, "first", "second")
    clock.advance(timedelta(hours=1))
    third = await client.post(
        "/notes", json={"title": "third", "amount": "3"}, headers=as_caller("oscar", Role.OPERATIONS)
    )
    assert third.status_code == 201

    async def found(**filters: str) -> list[str]:
        entries = await items(auditor, "/audit/entries", **filters)
        return [each["entry"]["after"]["title"] for each in entries]

    assert await found(subject="oscar") == ["third"]
    assert await found(object_type="note", object_id=first) == ["first"]
    assert await found(at_from="2024-06-03T10:00:00Z") == ["third"]
    assert await found(at_to="2024-06-03T10:00:00Z") == ["first", "second"]
    assert await found(action="change_note") == []
    assert await found(sealed="true") == []


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.AUDITOR}))
async def test_the_log_is_the_auditors(app: FastAPI, role: Role) -> None:
    async with client_for(app, "somebody", role) as other:
        for path in ("/audit/entries", "/audit/leaves", "/audit/head", "/audit/consistency?first=1"):
            assert (await other.get(path)).status_code == 403


CHANGES = ("UPDATE {} SET {} = DEFAULT", "DELETE FROM {}", "TRUNCATE {}")


@pytest.mark.parametrize("table", APPEND_ONLY, ids=str)
@pytest.mark.parametrize("change", CHANGES)
async def test_the_service_adds_and_reads_and_even_the_owner_changes_nothing(
    superuser: Any, sample: Service, table: Table, change: str
) -> None:
    statement = change.format(table.name, table.columns.keys()[-1])
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await superuser.execute(statement)
    service = await asyncpg.connect(sample.settings.database_url.replace("+asyncpg", ""))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(statement)
    finally:
        await service.close()


async def test_entries_are_sealed_in_order_and_the_log_verifies(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    await write(client, "first", "second", "third")
    assert await sealed(sample) == 3
    assert await sealed(sample) == 3
    await write(client, "fourth")
    assert await findings(auditor) == []
    assert await sealed(sample) == 4
    assert await findings(auditor) == []
    leaves = await items(auditor, "/audit/leaves")
    assert [each["leaf_index"] for each in leaves] == [0, 1, 2, 3]
    titles = [each["signed"]["entry"]["after"]["title"] for each in leaves]
    assert titles == ["first", "second", "third", "fourth"]


async def test_a_transaction_that_commits_late_is_sealed_later_and_leaves_no_gap(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    origin = Origin("notes", "olivia", None, None, "write_note")
    async with open_resources(sample) as resources, resources.transactions.begin() as late:
        await Audit(origin, "note", SIGNER).record(late, "late")
        await write(client, "second", "third")
        assert await sealed(sample) == 2
    assert await sealed(sample) == 3
    assert await findings(auditor) == []
    leaves = [each["signed"]["entry"] for each in await items(auditor, "/audit/leaves")]
    assert leaves[2]["object_id"] == "late"
    assert leaves[2]["entry_id"] < leaves[0]["entry_id"]


async def test_two_processes_that_seal_at_once_seal_each_entry_once(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    await write(client, *(f"note {n}" for n in range(20)))
    assert set(await asyncio.gather(*(sealed(sample) for _ in range(4)))) == {20}
    assert await findings(auditor) == []


async def test_every_entry_is_proven_and_every_tree_continues_the_one_before(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    heads = []
    for n in range(1, 8):
        await write(client, *(f"note {n} {each}" for each in range(n)))
        await sealed(sample)
        heads.append(await told(auditor, "/audit/head"))
    for leaf in await items(auditor, "/audit/leaves"):
        proof = await told(auditor, f"/audit/entries/{leaf['entry_id']}/proof")
        assert verification.check_inclusion(proof, TRUSTED) == []
        proof["signed"]["entry"]["subject"] = "mallory"
        kinds = {each.kind for each in verification.check_inclusion(proof, TRUSTED)}
        assert kinds == {Kind.CHANGED, Kind.INSERTED}
    for head in heads:
        proof = await told(auditor, "/audit/consistency", first=head["tree_size"])
        assert verification.check_growth(head, proof) == []
        forged = {**head, "root_hash": "00" * 32}
        assert [each.kind for each in verification.check_growth(forged, proof)] == [Kind.HEAD]
    [first, *_, last] = await items(auditor, "/audit/leaves")
    earlier = await told(auditor, f"/audit/entries/{first['entry_id']}/proof", tree_size=1)
    assert (verification.check_inclusion(earlier, TRUSTED), earlier["head"]) == ([], heads[0])
    later = await auditor.get(f"/audit/entries/{last['entry_id']}/proof", params={"tree_size": 1})
    assert later.status_code == 422


_INSERT = (
    "INSERT INTO audit_entry SELECT '{new}', recorded_at, 'mallory', client, address, action, object_type, object_id,"
    " before, after, public_key, signature FROM audit_entry WHERE entry_id = '{second}'"
)
TAMPERINGS: dict[str, tuple[list[str], set[tuple[Kind, Any]]]] = {
    "changed": (
        ["UPDATE audit_entry SET subject = 'mallory' WHERE entry_id = '{second}'"],
        {(Kind.CHANGED, "second")},
    ),
    "changed with its hash": (
        [
            "UPDATE audit_entry SET subject = 'mallory' WHERE entry_id = '{second}'",
            "UPDATE audit_node SET hash = decode('{forged}', 'hex') WHERE level = 0 AND position = 1",
        ],
        {(Kind.INSERTED, "second"), (Kind.TREE, None)},
    ),
    "deleted": (
        ["DELETE FROM audit_entry WHERE entry_id = '{second}'"],
        {(Kind.DELETED, "second")},
    ),
    "deleted with its leaf": (
        [
            "DELETE FROM audit_entry WHERE entry_id = '{second}'",
            "DELETE FROM audit_leaf WHERE entry_id = '{second}'",
        ],
        {(Kind.DELETED, 1), (Kind.TREE, None)},
    ),
    "inserted": (
        [
            _INSERT,
        ],
        {(Kind.INSERTED, "new")},
    ),
    "inserted in the place of another": (
        [
            _INSERT,
            "UPDATE audit_leaf SET entry_id = '{new}' WHERE entry_id = '{second}'",
        ],
        {(Kind.CHANGED, "new")},
    ),
    "hash of a leaf gone": (
        ["DELETE FROM audit_node WHERE level = 0 AND position = 1"],
        {(Kind.TREE, "second")},
    ),
    "signature taken away": (
        ["UPDATE audit_entry SET signature = '' WHERE entry_id = '{second}'"],
        {(Kind.INSERTED, "second")},
    ),
    "head replaced": (
        ["UPDATE audit_head SET root_hash = decode('{forged}', 'hex')"],
        {(Kind.HEAD, None), (Kind.TREE, None)},
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_what_a_superuser_does_behind_the_triggers_is_found_and_named(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service, what: str
) -> None:
    await write(client, "first", "second", "third")
    await sealed(sample)
    entry = (await items(auditor, "/audit/leaves"))[1]["signed"]["entry"]
    second, forged = entry["entry_id"], merkle.leaf_hash(leaf_data({**entry, "subject": "mallory"}))
    names = {"second": second, "new": second[:-4] + "ffff", "forged": forged.hex()}
    statements, expected = TAMPERINGS[what]
    await without_triggers(superuser, *(statement.format(**names) for statement in statements))
    found = {(each.kind, each.entry_id or each.leaf_index) for each in await findings(auditor)}
    assert found == {
        (kind, names.get(name, name) if isinstance(name, str) else name) for kind, name in expected
    }


async def test_a_row_slipped_in_and_sealed_with_the_others_is_named(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    await write(client, "first")
    [entry] = [each["entry"]["entry_id"] for each in await items(auditor, "/audit/entries")]
    new = entry[:-4] + "ffff"
    columns = "recorded_at, 'mallory', client, address, action, object_type, object_id, before, after"
    await superuser.execute(
        f"INSERT INTO audit_entry SELECT '{new}', {columns}, public_key, signature FROM audit_entry"  # noqa: S608
    )
    await superuser.execute(f"INSERT INTO audit_unsealed VALUES ('{new}')")  # noqa: S608
    assert await sealed(sample) == 2
    assert [(each.kind, each.entry_id) for each in await findings(auditor)] == [(Kind.INSERTED, new)]


async def test_an_entry_that_was_kept_out_of_the_tree_is_named(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service, clock: FixedClock
) -> None:
    await write(client, "first")
    [entry] = [each["entry"]["entry_id"] for each in await items(auditor, "/audit/entries")]
    await superuser.execute("DELETE FROM audit_unsealed")
    clock.advance(timedelta(hours=1))
    await write(client, "second")
    await sealed(sample)
    assert [(each.kind, each.entry_id) for each in await findings(auditor)] == [(Kind.UNSEALED, entry)]


async def test_a_tree_that_was_cut_back_contradicts_the_head_seen_before(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    await write(client, "first", "second")
    await sealed(sample)
    await write(client, "third")
    await sealed(sample)
    seen = await told(auditor, "/audit/head")
    await without_triggers(
        superuser,
        "DELETE FROM audit_entry WHERE entry_id IN (SELECT entry_id FROM audit_leaf WHERE leaf_index = 2)",
        "DELETE FROM audit_leaf WHERE leaf_index = 2",
        "DELETE FROM audit_node WHERE level = 0 AND position = 2",
        "DELETE FROM audit_head WHERE tree_size = 3",
    )
    assert await findings(auditor) == []  # it is a whole tree, but an older one
    [gone] = verification.shrunk(seen, await told(auditor, "/audit/head"))
    assert (gone.kind, gone.leaf_index) == (Kind.DELETED, 2)


async def test_what_was_signed_before_the_key_was_changed_still_holds(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    await write(client, "first")
    await sealed(sample)
    renewed = Signer(new_seed())
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        await Audit(Origin("notes", "olivia", None, None, "write_note"), "note", renewed).record(
            unit, "second"
        )
        assert await seal(unit, sample.name, renewed) == 2
    assert await findings(auditor, TRUSTED | {renewed.public_key}) == []
    assert [each.kind for each in await findings(auditor)] == [Kind.HEAD, Kind.INSERTED]


async def test_nothing_is_sealed_on_top_of_a_tree_that_was_tampered_with(
    client: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    await write(client, "first", "second")
    await sealed(sample)
    await without_triggers(
        superuser, "UPDATE audit_node SET hash = decode(repeat('00', 32), 'hex') WHERE level = 1"
    )
    await write(client, "third")
    with pytest.raises(TamperedTreeError):
        await sealed(sample)


async def test_a_redriven_dead_letter_is_recorded_with_what_came_of_it(
    client: httpx.AsyncClient, auditor: httpx.AsyncClient, superuser: Any, sample: Service
) -> None:
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        day = BusinessDayOpened(
            calendar="US", business_date=date(2024, 6, 3), version=1, status=BusinessDayStatus.OPEN
        )
        [received] = Batch.of(unit.connection, [day]).events
        await dead_letters.write(unit, "notes.business-days", [Condemned(received, "nobody works then")])
    [letter] = await items(client, "/messaging/dead-letters")
    path = f"/messaging/dead-letters/{letter['id']}/redrive"
    for why in ({"reason": "a test", "dry_run": True}, {"reason": "a test"}, {"reason": "again"}):
        assert (await client.post(path, json=why)).status_code == 200
    [entry] = [each["entry"] for each in await items(auditor, "/audit/entries")]
    assert (entry["action"], entry["object_type"], entry["object_id"]) == (
        "redrive",
        "dead-letter",
        letter["id"],
    )
    assert entry["after"] == {"action": "redrive", "outcome": "redriven", "reason": "a test"}
