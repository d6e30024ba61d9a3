"""Sanctions lists loaded over HTTP from the authorities' own files, and what they do to counterparties and trades."""

import gzip
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_chassis import Role
from backoffice_chassis.testing import client_for
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.compliance import TradeCleared, TradeHeld
from backoffice_events.contracts.hr import Employee, EmployeeHired
from backoffice_events.contracts.reference import CounterpartyChanged, InstrumentChanged
from backoffice_events.contracts.trading import Trade, TradeCaptured
from backoffice_events.messaging import Batch, UnitOfWork
from compliance.checks.handlers import Judge
from compliance.reference.handlers import on_employees, on_reference
from compliance.rules.domain import ListKind
from compliance.rules.repository import RulebookReader
from compliance.screening.domain import Alias
from compliance.screening.jobs import Screener
from compliance.screening.lists import upload
from compliance.screening.versions import IndexReader, add

pytestmark = pytest.mark.integration

LISTS = Path(__file__).parents[4] / "data" / "sanctions"
NOW = datetime(2024, 8, 8, 14, 31, tzinfo=UTC)
SBERBANK = "549300WE6TAF5EEWQS81"
SDN = {
    "primary": "ofac_sdn.csv.gz",
    "addresses": "ofac_add.csv.gz",
    "aliases": "ofac_alt.csv.gz",
    "comments": "ofac_sdn_comments.csv.gz",
}
CONSOLIDATED = {
    "primary": "ofac_cons_prim.csv.gz",
    "addresses": "ofac_cons_add.csv.gz",
    "aliases": "ofac_cons_alt.csv.gz",
    "comments": "ofac_cons_comments.csv.gz",
}
PRIMARY = b'36,"AEROCARIBBEAN AIRLINES",-0- ,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n\x1a'
UN = b"""<?xml version="1.0"?>
<CONSOLIDATED_LIST dateGenerated="2026-02-27T00:00:09.554Z"><ENTITIES><ENTITY><DATAID>7</DATAID>
<FIRST_NAME>BUTEMBO AIRLINES</FIRST_NAME></ENTITY></ENTITIES></CONSOLIDATED_LIST>"""
MakeTrade = Callable[..., Trade]


def _files(names: dict[str, str]) -> dict[str, bytes]:
    return {part: (LISTS / name).read_bytes() for part, name in names.items()}


@pytest.fixture
async def officer(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "mary", Role.COMPLIANCE_OFFICER) as client:
        yield client


@pytest.fixture
async def second_officer(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(app, "chen", Role.COMPLIANCE_OFFICER) as client:
        yield client


class Worker:
    """Does what the service's worker does, step by step."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._screener = Screener(IndexReader())
        self._judge = Judge(RulebookReader())

    async def learn(self, *changes: Event) -> None:
        async with self._engine.begin() as connection:
            await on_reference(Batch.of(connection, changes))

    async def employ(self, employee: Employee) -> None:
        async with self._engine.begin() as connection:
            await on_employees(Batch.of(connection, [EmployeeHired(employee=employee)]))

    async def screen(self) -> None:
        async with self._engine.begin() as connection:
            await self._screener.screen_stale(UnitOfWork(connection, now=NOW, source="urn:test"))

    async def judge(self, *trades: Trade) -> list[Event]:
        async with self._engine.begin() as connection:
            batch = Batch.of(connection, [TradeCaptured(trade=trade) for trade in trades], now=NOW)
            await self._judge.on_trades(batch)
            return list(batch.published)


@pytest.fixture
async def worker(database: str, instrument: InstrumentChanged, employee: Employee) -> AsyncIterator[Worker]:
    engine = create_async_engine(database)
    worker = Worker(engine)
    await worker.learn(instrument)
    await worker.employ(employee)
    yield worker
    await engine.dispose()


@pytest.fixture
def listed_bank() -> CounterpartyChanged:
    return CounterpartyChanged(
        lei=SBERBANK, version=1, name="Sberbank of Russia", bic="SABRRUMMXXX", country="RU", active=True
    )


async def _load(client: httpx.AsyncClient, kind: str, files: dict[str, bytes], **query: str) -> Any:
    return await client.post(f"/sanctions-lists/{kind}", files=files, params=query)


async def test_the_real_lists_load_from_their_files(officer: httpx.AsyncClient) -> None:
    first = await _load(officer, "ofac-sdn", _files(SDN), as_of="2021-06-30")
    second = await _load(officer, "ofac-consolidated", _files(CONSOLIDATED), as_of="2025-12-01")
    third = await _load(officer, "un-consolidated", _files({"document": "un_consolidated.xml.gz"}))
    for answer, entries in ((first, 8976), (second, 442), (third, 1003)):
        assert answer.status_code == 201, answer.text
        assert (answer.json()["entries"], answer.json()["added"]) == (entries, entries)
        assert (answer.json()["version"], answer.json()["loaded_by"]) == (1, "mary")
    assert third.json()["as_of"] == "2026-02-27"


async def test_a_list_that_is_loaded_already_is_not_added_again(officer: httpx.AsyncClient) -> None:
    files = {"primary": PRIMARY}
    first = await _load(officer, "ofac-sdn", files, as_of="2021-06-30")
    again = await _load(officer, "ofac-sdn", {"primary": gzip.compress(PRIMARY)}, as_of="2021-06-30")
    assert first.json() == again.json()


async def test_a_list_of_which_a_release_reads_more_is_loaded_anew(database: str) -> None:
    read = upload.read(ListKind.UN_CONSOLIDATED, {"document": UN})
    [entry] = read.entries
    names = (*entry.names, Alias(name="كتيبة بوتيمبو"))
    more = msgspec.structs.replace(read, entries=[msgspec.structs.replace(entry, names=names)])
    engine = create_async_engine(database)
    counts = []
    for each in (read, read, more, more):
        async with engine.begin() as connection:
            unit = UnitOfWork(connection, now=NOW, source="urn:test")
            row = await add(unit, ListKind.UN_CONSOLIDATED, each, date(2026, 2, 27), "mary")
            counts.append((row.version, row.added, row.changed))
    await engine.dispose()
    assert counts == [(1, 1, 0), (1, 1, 0), (2, 0, 1), (2, 0, 1)]


async def test_a_new_version_counts_what_changed_and_an_older_one_is_refused(
    officer: httpx.AsyncClient,
) -> None:
    await _load(officer, "ofac-sdn", {"primary": PRIMARY}, as_of="2021-06-30")
    newer = PRIMARY.replace(b"CUBA", b"SDGT").replace(b"\x1a", PRIMARY.replace(b"36,", b"37,"))
    second = await _load(officer, "ofac-sdn", {"primary": newer}, as_of="2021-07-01")
    counts = {key: second.json()[key] for key in ("version", "added", "changed", "removed")}
    assert counts == {"version": 2, "added": 1, "changed": 1, "removed": 0}
    older = await _load(officer, "ofac-sdn", {"primary": PRIMARY}, as_of="2021-06-29")
    assert (older.status_code, older.json()["type"]) == (409, "/problems/older-list")


async def test_a_list_of_a_day_to_come_is_refused_and_keeps_no_other_out(officer: httpx.AsyncClient) -> None:
    for kind, files, query, field in (
        ("ofac-sdn", {"primary": PRIMARY}, {"as_of": "2062-06-30"}, "/query/as_of"),
        ("un-consolidated", {"document": UN.replace(b"2026-02-27", b"2062-02-27")}, {}, "/body/document"),
    ):
        refused = await _load(officer, kind, files, **query)
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert (await _load(officer, "ofac-sdn", {"primary": PRIMARY}, as_of="2021-06-30")).status_code == 201


BAD = {
    "a row with a field too few": ("primary", PRIMARY + b'\r\n37,"X"\r\n', "line 3"),
    "an entry number that is none": ("primary", b"x" + PRIMARY, "line 1"),
    "an entry twice": ("primary", PRIMARY[:-1] + PRIMARY, "line 2: entry 36 comes twice"),
    "bytes that are no UTF-8": ("primary", PRIMARY[:-1] + b"\xff", "line 2"),
    "a NUL character": ("primary", PRIMARY.replace(b"CUBA", b"CU\0A"), "line 1"),
    "an unfinished quotation": ("primary", b'36,"AERO', "is not CSV"),
    "a cut gzip file": ("primary", gzip.compress(PRIMARY)[:-9], "not a whole gzip file"),
    "nothing": ("primary", b"", "holds no entry"),
    "an alias of nobody": ("aliases", b'99,12,"aka","X",-0- \r\n', "line 1: entry 99"),
    "a file that is no part of it": ("document", UN, "is no part of ofac-sdn"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_malformed_ofac_file_is_refused_by_file_and_line(
    officer: httpx.AsyncClient, case: str
) -> None:
    file, content, reason = BAD[case]
    refused = await _load(officer, "ofac-sdn", {"primary": PRIMARY, file: content}, as_of="2021-06-30")
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["field"] == f"/body/{file}"
    assert reason in error["reason"]


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY secret SYSTEM "file:///etc/passwd">]>"""
BAD_UN = {
    "not XML": (b"<CONSOLIDATED_LIST>\n<ENTITIES>\n</CONSOLIDATED_LIST>", "line 3"),
    "another document": (b"<Envelope/>", "line 1"),
    "no entry": (b'<CONSOLIDATED_LIST dateGenerated="2026-02-27"/>', "holds no INDIVIDUAL"),
    "an entry without a name": (UN.replace(b"BUTEMBO AIRLINES", b""), "line 2"),
    "no date": (UN.replace(b"2026-02-27", b"yesterday!"), "dateGenerated"),
    "entities that expand": (BOMB + UN.partition(b"?>")[2].replace(b"BUTEMBO", b"&b;"), "document type"),
    "an external entity": (BOMB + UN.partition(b"?>")[2].replace(b"BUTEMBO", b"&secret;"), "document type"),
    "a gzip bomb": (gzip.compress(bytes(65 * 1024 * 1024)), "unpacks to more than"),
}


@pytest.mark.parametrize("case", BAD_UN)
async def test_a_malformed_or_hostile_xml_list_is_refused(officer: httpx.AsyncClient, case: str) -> None:
    content, reason = BAD_UN[case]
    refused = await _load(officer, "un-consolidated", {"document": content})
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["field"] == "/body/document"
    assert reason in error["reason"]


async def test_a_list_needs_its_date_its_parts_and_a_kind_that_is_known(officer: httpx.AsyncClient) -> None:
    undated = await _load(officer, "ofac-sdn", {"primary": PRIMARY})
    assert [error["field"] for error in undated.json()["errors"]] == ["/query/as_of"]
    headless = await _load(officer, "ofac-sdn", {"aliases": b""}, as_of="2021-06-30")
    assert [error["field"] for error in headless.json()["errors"]] == ["/body/primary"]
    assert (await _load(officer, "eu-consolidated", {"primary": PRIMARY})).status_code == 422
    raw = await officer.post("/sanctions-lists/un-consolidated", content=UN)
    assert raw.status_code == 415


async def test_a_listed_counterparty_holds_trades_by_its_identifier(
    officer: httpx.AsyncClient, worker: Worker, listed_bank: CounterpartyChanged, make_trade: MakeTrade
) -> None:
    await _load(officer, "ofac-consolidated", _files(CONSOLIDATED), as_of="2025-12-01")
    renamed = msgspec.structs.replace(listed_bank, name="Sunny Meadows Ltd", country=None)
    await worker.learn(renamed)
    await worker.screen()
    [held] = await worker.judge(make_trade(counterparty_lei=SBERBANK))
    assert isinstance(held, TradeHeld)
    assert held.reasons == ("SANCTIONS",)
    [screening] = (await officer.get("/screenings", params={"min_score": 90})).json()["items"]
    assert screening["matches"][0]["features"] == ["same identifier BIC:SABRRUMM"]


async def test_a_counterparty_whose_name_cannot_be_compared_is_held_and_told_what_to_do(
    officer: httpx.AsyncClient, worker: Worker, listed_bank: CounterpartyChanged, make_trade: MakeTrade
) -> None:
    await _load(officer, "un-consolidated", _files({"document": "un_consolidated.xml.gz"}))
    party = msgspec.structs.replace(listed_bank, name="上海期货交易所", bic="XSGECNC1XXX", country="CN")
    await worker.learn(party)
    await worker.screen()
    [held] = await worker.judge(make_trade(counterparty_lei=SBERBANK))
    assert isinstance(held, TradeHeld)
    [decision] = (await officer.get("/decisions", params={"trade_id": held.trade_id})).json()["items"]
    evidence = {each["check"]: each["evidence"] for each in decision["findings"]}["SANCTIONS"]
    assert "in letters that cannot be compared: record its name in Latin letters" in evidence
    await worker.learn(msgspec.structs.replace(party, version=2, name="Shanghai Futures Exchange"))
    await worker.screen()
    [cleared] = await worker.judge(make_trade(counterparty_lei=SBERBANK))
    assert isinstance(cleared, TradeCleared)


@pytest.mark.parametrize("name", ["BOUT, Viktor Anatolijevitch", "أيمن محمد ربيع الظواهري"])
async def test_a_listed_person_who_trades_under_an_lei_is_held(
    officer: httpx.AsyncClient,
    worker: Worker,
    listed_bank: CounterpartyChanged,
    make_trade: MakeTrade,
    name: str,
) -> None:
    await _load(officer, "ofac-sdn", _files(SDN), as_of="2021-06-30")
    await _load(officer, "un-consolidated", _files({"document": "un_consolidated.xml.gz"}))
    await worker.learn(msgspec.structs.replace(listed_bank, name=name, bic="AEROUS33XXX", country=None))
    await worker.screen()
    [held] = await worker.judge(make_trade(counterparty_lei=SBERBANK))
    assert isinstance(held, TradeHeld)
    [screening] = (await officer.get("/screenings", params={"min_score": 100})).json()["items"]
    assert screening["matches"][0]["name"] == name


async def test_a_new_list_has_everybody_screened_again_before_trades_are_judged_on_it(
    officer: httpx.AsyncClient,
    worker: Worker,
    listed_bank: CounterpartyChanged,
    make_trade: MakeTrade,
) -> None:
    await worker.learn(listed_bank)
    await worker.screen()
    [cleared] = await worker.judge(make_trade(counterparty_lei=SBERBANK))
    assert isinstance(cleared, TradeCleared)

    await _load(officer, "ofac-consolidated", _files(CONSOLIDATED), as_of="2025-12-01")
    assert await worker.judge(make_trade(counterparty_lei=SBERBANK)) == []
    await worker.screen()
    [held] = await worker.judge(make_trade(counterparty_lei=SBERBANK))
    assert isinstance(held, TradeHeld)


async def test_a_whitelisted_match_holds_nobody_until_the_counterparty_or_the_entry_changes(
    officer: httpx.AsyncClient,
    second_officer: httpx.AsyncClient,
    worker: Worker,
    make_trade: MakeTrade,
) -> None:
    party = CounterpartyChanged(
        lei=SBERBANK, version=1, name="Aero Caribbean Airlines", bic="AEROUS33", country=None, active=True
    )
    await _load(officer, "ofac-sdn", {"primary": PRIMARY}, as_of="2021-06-30")
    await worker.learn(party)
    await worker.screen()
    [screening] = (await officer.get("/screenings", params={"lei": SBERBANK})).json()["items"]
    [match] = screening["matches"]
    rule = {
        "kind": "whitelisting",
        "lei": SBERBANK,
        "list_kind": match["list_kind"],
        "entry_id": match["entry_id"],
        "valid_from": "2024-01-01",
    }
    body = {"reason": "a US carrier, registered 1999", "rules": [rule]}
    change = (await officer.post("/rule-changes", json=body)).json()

    async def outcome() -> type[Event]:
        await worker.screen()
        [decided] = await worker.judge(make_trade(counterparty_lei=SBERBANK))
        return type(decided)

    assert await outcome() is TradeHeld
    await second_officer.post(f"/approvals/{change['approval_id']}/approve", json={"reason": "seen"})
    assert await outcome() is TradeCleared

    changed_entry = PRIMARY.replace(b"CUBA", b"SDGT")
    await _load(officer, "ofac-sdn", {"primary": changed_entry}, as_of="2021-07-01")
    assert await outcome() is TradeHeld
    await _load(officer, "ofac-sdn", {"primary": PRIMARY}, as_of="2021-07-02")
    assert await outcome() is TradeCleared
    await worker.learn(msgspec.structs.replace(party, version=2, name="Aero-Caribbean Airlines"))
    assert await outcome() is TradeHeld


async def test_anybody_can_be_looked_up_with_the_reasons_of_each_score(officer: httpx.AsyncClient) -> None:
    await _load(officer, "ofac-consolidated", _files(CONSOLIDATED), as_of="2025-12-01")
    answer = await officer.post("/screenings/search", json={"name": "Bank Kunlun Company Limited"})
    best = answer.json()["matches"][0]
    assert best["name"] == "BANK OF KUNLUN CO LTD"
    assert any("kunlun (rare)" in feature for feature in best["features"])
    for refused in ({"name": ""}, {"name": "x" * 141}, {"name": "a", "country": "Cuba"}, {"name": "a\0"}):
        assert (await officer.post("/screenings/search", json=refused)).status_code == 422


PART = b'--x\r\nContent-Disposition: form-data; name="primary"'
MALFORMED = {
    "no boundary named": ("multipart/form-data", b"--x\r\n"),
    "no boundary inside": ("multipart/form-data; boundary=x", b"no boundary at all"),
    "a field where a file belongs": ("multipart/form-data; boundary=x", PART + b"\r\n\r\nplain\r\n--x--"),
    "a file cut off": ("multipart/form-data; boundary=x", PART + b'; filename="a"\r\n\r\ncut'),
    "headers that are none": ("multipart/form-data; boundary=x", b"--x\r\n\xff\xfe: \0\r\n\r\n--x--"),
    "nothing": ("multipart/form-data; boundary=x", b""),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_form_is_a_problem_and_no_defect(officer: httpx.AsyncClient, case: str) -> None:
    content_type, body = MALFORMED[case]
    refused = await officer.post(
        "/sanctions-lists/ofac-sdn?as_of=2021-06-30", content=body, headers={"Content-Type": content_type}
    )
    assert refused.status_code in {400, 422}
    assert refused.headers["content-type"] == "application/problem+json"
