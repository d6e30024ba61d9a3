"""Every route of every service: closed without a token, and never a 5xx whatever is sent."""

import importlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backoffice_chassis import ServiceSettings
from backoffice_chassis.testing import (
    AUDIT_KEY,
    OPEN_PATHS,
    FixedClock,
    app_for,
    client_for,
    unguarded_routes,
)

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SERVICES = {
    "trade-capture": ("trade_capture", "TradeCaptureSettings"),
    "compliance": ("compliance", "ServiceSettings"),
    "settlement": ("settlement", "ServiceSettings"),
    "ledger": ("ledger", "ServiceSettings"),
    "hr": ("hr", "ServiceSettings"),
}
REQUESTS_PER_ROUTE = 15
UUID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
TEXTS = ["", " ", "x", "\x00", "a\nb", "é🦊", "'; DROP TABLE trade; --", "%", "NaN", "x" * 141, "x" * 20_000]
JUNK = [None, True, 0, -1, 10**30, 1.5, "1e999999", "-Infinity", [], [None], {}, {"x": 1}, "\ud800", *TEXTS]
PATHS = [
    "x",
    UUID,
    "%00",
    "%ff",
    "a%20b",
    "0",
    "-1",
    "9" * 30,
    "US0378331005",
    "NaN",
    "%F0%9F%A6%8A",
    "x" * 300,
]
NO_JSON = [b"", b"{", b"null", b"[]", b"[" * 5000, b'{"a": NaN}', b"\xff"]
NO_DOCUMENT = [b"", b"\xff\xfe", b"<a>", b"a,b\n1,2\n", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"]
FORMATS = {
    "date": ["2024-06-03", "9999-12-31", "0001-01-01"],
    "date-time": ["2024-06-03T10:00:00Z"],
    "uuid": [UUID],
}
WORDS = [
    "US0378331005",
    "5493001KJTIIGC8Y1R12",
    "CHASUS33",
    "XNAS",
    "USD",
    "10.5",
    "B1",
    UUID,
    "US",
    "2024-06-03",
]


@pytest.fixture(params=SERVICES)
async def app(
    request: pytest.FixtureRequest, migrated_database: Callable[[Path], Awaitable[str]], kafka: str
) -> AsyncIterator[FastAPI]:
    package, settings_class = SERVICES[request.param]
    main = importlib.import_module(f"{package}.main")
    settings: type[ServiceSettings] = getattr(main, settings_class)
    url = await migrated_database(ROOT / "services" / request.param / "migrations")
    surroundings = {
        "database_url": url,
        "issuer_url": "http://127.0.0.1:1",
        "kafka_bootstrap_servers": kafka,
        "audit_key": AUDIT_KEY,
    }
    service = main.build(settings(**surroundings), FixedClock())
    async with app_for(service) as app:
        yield app


async def test_no_route_answers_without_a_token(app: FastAPI) -> None:
    assert await unguarded_routes(app) == []


async def test_whatever_is_sent_the_answer_is_below_500_and_says_what_is_wrong(app: FastAPI) -> None:
    failures = []
    async with client_for(app, "fuzz") as client:
        for sent in Requests(app.openapi(), client, random.Random(7)):
            answer = await client.send(sent)
            if answer.status_code >= 500 or not explains_itself(answer):
                failures.append((answer.status_code, sent.method, str(sent.url)[:300], sent.content[:500]))
    assert failures == []


def explains_itself(answer: httpx.Response) -> bool:
    return answer.status_code < 400 or answer.headers["content-type"] == "application/problem+json"


class Requests:
    """Requests to every route of an OpenAPI document: some as described, most with one thing turned to junk."""

    def __init__(self, document: dict[str, Any], client: httpx.AsyncClient, dice: random.Random) -> None:
        self.document = document
        self.client = client
        self.dice = dice

    def __iter__(self) -> Iterator[httpx.Request]:
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items() if path not in OPEN_PATHS else ():
                for _ in range(REQUESTS_PER_ROUTE):
                    yield self.request(method, path, operation)

    def request(self, method: str, path: str, operation: dict[str, Any]) -> httpx.Request:
        query, headers, content = {}, {}, None
        for parameter in operation.get("parameters", ()):
            name, place = parameter["name"], parameter["in"]
            if place == "path":
                path = path.replace(f"{{{name}}}", self.dice.choice(PATHS))
            elif place == "query" and self.dice.random() < 0.5:
                query[name] = self.dice.choice(
                    [self.dice.choice(TEXTS[:-1]), self.plain(parameter["schema"])]
                )
            elif place == "header" and self.dice.random() < 0.3:
                headers[name] = self.dice.choice(['"1"', '"x"', "*", "k" * 300, "1"])
        if "requestBody" in operation:
            headers["Content-Type"], content = self.body(operation["requestBody"]["content"])
        return self.client.build_request(method, path, params=query or None, headers=headers, content=content)

    def body(self, content: dict[str, Any]) -> tuple[str, bytes]:
        media_type, described = next(iter(content.items()))
        if "json" not in media_type:
            return media_type, self.dice.choice(NO_DOCUMENT)
        if self.dice.random() < 0.15:
            return media_type, self.dice.choice(NO_JSON)
        value = self.value(described["schema"])
        if self.dice.random() < 0.8:
            value = self.spoilt(value)
        return media_type, json.dumps(value, default=str).encode()

    def plain(self, schema: dict[str, Any]) -> str:
        return str(self.value(schema)).encode("utf-8", "replace").decode()

    def value(self, schema: dict[str, Any]) -> Any:
        """Return something that more or less fits a schema."""
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        alternatives = [option for key in ("anyOf", "oneOf", "allOf") for option in schema.get(key, ())]
        if alternatives:
            return self.value(self.dice.choice(alternatives))
        if schema.get("type") == "object":
            return {name: self.value(each) for name, each in schema.get("properties", {}).items()}
        if schema.get("type") == "array":
            return [self.value(schema.get("items", {})) for _ in range(self.dice.choice([0, 1, 2]))]
        return self.dice.choice(self.scalars(schema))

    def scalars(self, schema: dict[str, Any]) -> list[Any]:
        if "enum" in schema or "const" in schema:
            return list(schema.get("enum", [schema.get("const")]))
        by_type = {"integer": [0, 1, 7, 2**31, 2**63], "number": [1, "1.50", 100], "boolean": [True, False]}
        if schema.get("type") == "string":
            return list(schema.get("examples") or FORMATS.get(schema.get("format", "")) or WORDS)
        return by_type.get(schema.get("type", ""), JUNK)

    def spoilt(self, value: Any) -> Any:
        """Return the value with one place in it turned to junk."""
        if isinstance(value, dict) and value and self.dice.random() < 0.8:
            name = self.dice.choice(list(value))
            return {**value, name: self.spoilt(value[name])}
        if isinstance(value, list) and value and self.dice.random() < 0.8:
            return [*value[:-1], self.spoilt(value[-1])]
        return self.dice.choice(JUNK)
