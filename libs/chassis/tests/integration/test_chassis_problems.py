"""Whatever is sent, the answer is a problem document that says what is wrong and where: never a 500."""

import json
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

JSON = {"Content-Type": "application/json"}


def fields(answer: httpx.Response) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return {error["field"] for error in answer.json()["errors"]}


async def test_every_field_at_fault_is_named_at_once(client: httpx.AsyncClient) -> None:
    body = [{"title": "fine", "amount": "1"}, {"title": "", "amount": "-1"}, {"amount": True}]
    answer = await client.post("/notes/bulk", json=body)
    assert answer.status_code == 422
    assert fields(answer) == {"/body/1/title", "/body/1/amount", "/body/2/title", "/body/2/amount"}
    by_field = {error["field"]: error for error in answer.json()["errors"]}
    assert by_field["/body/2/title"]["code"] == "missing"
    assert by_field["/body/2/amount"]["reason"].endswith("got a boolean")


@pytest.mark.parametrize(
    "amount",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e1000000",
        "1E-99999999",
        "9" * 19,
        "0.00000000001",
        "",
        " ",
        "1,5",
        "0x1",
    ],
)
async def test_a_number_that_the_books_cannot_hold_is_refused(client: httpx.AsyncClient, amount: str) -> None:
    answer = await client.post("/notes", json={"title": "x", "amount": amount})
    assert answer.status_code == 422
    assert fields(answer) == {"/body/amount"}


@pytest.mark.parametrize("title", ["", " ", "a\nb", "a\x00b", "x" * 141, "\ud800", None, 1, {}, []])
async def test_text_that_is_no_short_text_is_refused(client: httpx.AsyncClient, title: Any) -> None:
    body = json.dumps({"title": title, "amount": "1"})
    answer = await client.post("/notes", content=body, headers=JSON)
    assert answer.status_code == 422
    assert fields(answer) == {"/body/title"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b'{"amount": ' + b"9" * 5000 + b"}",
        b'{"amount": 1e' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"'single'",
        b'{"a": 01}',
        b'{"title": "a", "title": "b"}',
        b'{"title": "a", "t\\u0069tle": "b"}',
        b'{"a": {"b": 1, "b": 1}}',
        b"\xef\xbb\xbf{}",
    ],
)
async def test_what_is_not_json_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/notes", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-json")


async def test_every_digit_of_a_json_number_is_kept(client: httpx.AsyncClient) -> None:
    body = b'{"title": "exact", "amount": 123456.0123456789}'
    answer = await client.post("/notes", content=body, headers=JSON)
    assert answer.json()["amount"] == "123456.0123456789"


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b""])
async def test_json_of_another_shape_names_the_body(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/notes", content=body, headers=JSON)
    assert answer.status_code == 422
    assert fields(answer) == {"/body"}


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", ""]
)
async def test_another_media_type_is_415(client: httpx.AsyncClient, media_type: str) -> None:
    answer = await client.post("/notes", content=b"title=x", headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


async def test_a_body_over_the_limit_is_413(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notes", content=b" " * (16 * 1024 * 1024 + 1), headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/content-too-large")


async def test_a_body_over_the_limit_is_413_without_its_length_announced(client: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(17):
            yield b" " * 1024 * 1024

    answer = await client.post("/notes", content=chunks(), headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/content-too-large")


async def test_an_unknown_path_is_404_and_a_wrong_method_405(client: httpx.AsyncClient) -> None:
    nowhere, wrong = await client.get("/nowhere"), await client.delete("/notes")
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/not-found")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert "POST" in wrong.headers["allow"] or "GET" in wrong.headers["allow"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=many", "limit=1e3"])
async def test_a_page_size_out_of_bounds_is_named(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/notes?{query}")
    assert answer.status_code == 422
    assert fields(answer) == {"/query/limit"}


async def test_the_openapi_document_declares_problems_and_idempotency_keys(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    post = document["paths"]["/notes"]["post"]
    assert "application/problem+json" in post["responses"]["422"]["content"]
    assert "application/json" not in post["responses"]["422"]["content"]
    assert [each["name"] for each in post["parameters"]] == ["Idempotency-Key"]
    assert "ProblemDocument" in document["components"]["schemas"]
    assert post["security"]
