"""Requests are measured by route, whatever ids and paths are called; the caller's trace goes on into events."""

import httpx
import pytest
import structlog
from fastapi.telemetry import _asgi as fastapi_telemetry
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sqlalchemy import text

from backoffice_chassis import Service, metrics
from backoffice_chassis.resources import open_resources
from backoffice_events.ids import new_id
from backoffice_events.messaging.headers import unpack

pytestmark = pytest.mark.integration

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Durations:
    def __init__(self) -> None:
        self.attributes: list[dict[str, object]] = []

    def record(self, _seconds: float, attributes: dict[str, object]) -> None:
        self.attributes.append(attributes)


@pytest.fixture
def durations(monkeypatch: pytest.MonkeyPatch) -> Durations:
    durations = Durations()
    monkeypatch.setattr(metrics, "REQUEST_SECONDS", durations)
    return durations


async def test_ids_and_unknown_paths_make_no_new_series(
    client: httpx.AsyncClient, durations: Durations
) -> None:
    for path in (f"/notes/{new_id()}", f"/notes/{new_id()}", "/nowhere/1", "/nowhere/2", "/livez"):
        await client.get(path)
    await client.request("BREW", "/notes")
    one = {"http.request.method": "GET", "http.response.status_code": 404, "http.route": "/notes/{note_id}"}
    none = {"http.request.method": "GET", "http.response.status_code": 404}
    odd = {"http.request.method": "_OTHER", "http.response.status_code": 405}
    assert durations.attributes[:4] == [one, one, none, none]
    assert durations.attributes[4].items() >= odd.items()
    assert len(durations.attributes) == 5


async def test_a_change_is_logged_with_route_and_status_and_nothing_of_its_content(
    client: httpx.AsyncClient,
) -> None:
    with structlog.testing.capture_logs() as lines:
        await client.post("/notes", json={"title": "Jane Doe's IBAN", "amount": "1"})
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/notes", 201)
    assert "Jane" not in str(lines)


async def test_the_callers_trace_goes_on_in_the_event(client: httpx.AsyncClient, sample: Service) -> None:
    await client.post("/notes/announced", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    async with open_resources(sample) as resources, resources.transactions.begin() as unit:
        headers = dict(
            unpack((await unit.connection.execute(text("SELECT headers FROM outbox"))).scalar_one())
        )
    assert headers["traceparent"].decode().split("-")[1] == TRACE


async def test_a_request_is_told_of_once(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(fastapi_telemetry.metrics, "get_meter_provider", lambda: provider)
    duration = provider.get_meter("test").create_histogram("http.server.request.duration")
    monkeypatch.setattr(metrics, "REQUEST_SECONDS", duration)
    await client.get("/notes/nothing")
    data = reader.get_metrics_data()
    assert data is not None
    told = [
        (scope.scope.name, metric.name)
        for scope in data.resource_metrics[0].scope_metrics
        for metric in scope.metrics
    ]
    assert told == [("test", "http.server.request.duration")]
