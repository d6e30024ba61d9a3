"""The issuer's keys: looked up in time, and no request waits for an issuer that hangs when its key is known."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from backoffice_chassis import Problem
from backoffice_chassis.security import keys as keys_module
from backoffice_chassis.security.keys import IssuerKeys

pytestmark = pytest.mark.unit

URL = "http://issuer.test"
MINUTES = 60
PATIENCE = 30
PUBLIC = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)


class Issuer:
    """An issuer that publishes the keys of these ids, or answers otherwise; None: it hangs. seconds: by the clock."""

    def __init__(self) -> None:
        self.key_ids = ["a"]
        self.seconds = 0.0
        self.asked = 0
        self.hangs = asyncio.Event()
        self.let_go = asyncio.Event()
        self.answer: Callable[[str], httpx.Response] | None = self.published

    def published(self, path: str) -> httpx.Response:
        if path != "/jwks.json":
            return httpx.Response(200, json={"issuer": URL, "jwks_uri": f"{URL}/jwks.json"})
        return httpx.Response(200, json={"keys": [{**PUBLIC, "kid": each} for each in self.key_ids]})

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += request.url.path != "/jwks.json"
        if self.answer is not None:
            return self.answer(request.url.path)
        self.hangs.set()
        await self.let_go.wait()
        raise httpx.ReadTimeout("no answer")


@pytest.fixture
async def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def keys(issuer: Issuer) -> AsyncIterator[IssuerKeys]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(issuer)) as http:
        keys = IssuerKeys(URL, http, lambda: issuer.seconds)
        yield keys
        await keys.aclose()


async def found(keys: IssuerKeys, key_id: str) -> jwt.PyJWK | None:
    async with asyncio.timeout(PATIENCE):
        return await keys.find(key_id)


async def refused(keys: IssuerKeys, key_id: str) -> int:
    with pytest.raises(Problem) as refusal:
        await found(keys, key_id)
    return refusal.value.status


async def test_a_known_key_serves_at_once_while_the_issuer_hangs(issuer: Issuer, keys: IssuerKeys) -> None:
    known = await found(keys, "a")
    issuer.answer = None
    issuer.seconds += 11 * MINUTES
    assert await found(keys, "a") is known
    await issuer.hangs.wait()
    assert await found(keys, "a") is known
    assert issuer.asked == 2


async def test_keys_that_are_not_fresh_are_fetched_beside_so_that_a_withdrawn_one_goes(
    issuer: Issuer, keys: IssuerKeys
) -> None:
    assert await found(keys, "a")
    issuer.key_ids = ["b"]
    issuer.seconds += 11 * MINUTES
    assert await found(keys, "a")
    assert await found(keys, "b"), "waits for the fetch that is under way"
    assert await found(keys, "a") is None
    assert issuer.asked == 2


async def test_a_key_withdrawn_while_nobody_asked_serves_nobody(issuer: Issuer, keys: IssuerKeys) -> None:
    assert await found(keys, "a")
    issuer.key_ids = ["b"]
    issuer.seconds += 21 * MINUTES
    assert await found(keys, "a") is None


async def test_after_a_quiet_night_one_try_is_waited_for_and_no_more(
    issuer: Issuer, keys: IssuerKeys
) -> None:
    known = await found(keys, "a")
    issuer.answer = lambda _: httpx.Response(502)
    issuer.seconds += 600 * MINUTES
    assert await found(keys, "a") is known
    issuer.answer = None
    issuer.seconds += 6
    assert await found(keys, "a") is known


async def test_the_pause_begins_when_a_try_ends(issuer: Issuer, keys: IssuerKeys) -> None:
    issuer.answer = None
    first = asyncio.create_task(refused(keys, "a"))
    await issuer.hangs.wait()
    issuer.seconds += 9
    issuer.let_go.set()
    assert await first == 503
    assert await refused(keys, "a") == 503
    assert issuer.asked == 1
    issuer.answer = issuer.published
    issuer.seconds += 5
    assert await found(keys, "a")


async def test_of_many_who_wait_for_one_fetch_each_may_go_away(issuer: Issuer, keys: IssuerKeys) -> None:
    issuer.answer = None
    leaver, *others = (asyncio.create_task(refused(keys, "a")) for _ in range(9))
    await issuer.hangs.wait()
    leaver.cancel()
    await asyncio.wait({leaver})
    issuer.let_go.set()
    assert await asyncio.gather(*others) == [503] * 8
    assert issuer.asked == 1


async def test_an_unknown_key_id_waits_for_an_issuer_that_hangs_only_so_long(
    issuer: Issuer, keys: IssuerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await found(keys, "a")
    issuer.answer = None
    issuer.seconds += 6
    monkeypatch.setattr(keys_module, "_LONGEST_TRY", 0.01)
    assert await found(keys, "b") is None


@pytest.mark.parametrize(
    "discovery",
    [
        [],
        {"issuer": URL},
        {"issuer": "http://elsewhere.test", "jwks_uri": f"{URL}/jwks.json"},
        {"issuer": URL, "jwks_uri": f"{URL}:port/jwks.json"},
        {"issuer": URL, "jwks_uri": "jwks.json"},
        {"issuer": URL, "jwks_uri": 3},
    ],
)
async def test_a_discovery_document_that_cannot_be_read_is_a_failed_try(
    issuer: Issuer, keys: IssuerKeys, discovery: Any
) -> None:
    issuer.answer = lambda _: httpx.Response(200, json=discovery)
    assert await refused(keys, "a") == 503


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": 3}',
        b'{"keys": ["a"]}',
        b'{"keys": [{"kid": "a", "kty": "EC"}]}',
        b"\xff",
    ],
)
async def test_keys_that_cannot_be_read_leave_the_known_ones(
    issuer: Issuer, keys: IssuerKeys, document: bytes
) -> None:
    known = await found(keys, "a")
    published = issuer.published
    issuer.answer = lambda path: (
        httpx.Response(200, content=document) if path == "/jwks.json" else published(path)
    )
    issuer.seconds += 6
    assert await found(keys, "b") is None
    assert await found(keys, "a") is known


async def test_closing_ends_a_fetch_that_hangs(issuer: Issuer, keys: IssuerKeys) -> None:
    issuer.answer = None
    waiting = asyncio.create_task(refused(keys, "a"))
    await issuer.hangs.wait()
    async with asyncio.timeout(PATIENCE):
        await keys.aclose()
        assert await waiting == 503
