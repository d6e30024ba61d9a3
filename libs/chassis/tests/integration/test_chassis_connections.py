"""What clients do with connections, over real sockets: it takes no token, and nobody else may suffer by it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from backoffice_chassis import Role, Service, ServiceSettings
from backoffice_chassis.health import Health, health_router
from backoffice_chassis.http import server as http
from backoffice_chassis.testing import app_for, as_caller

pytestmark = pytest.mark.integration

MOST = 10
PATIENCE = 20
SHORT = 0.3
LARGE = 20_000_000
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
UPLOAD = b"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n"


@dataclass
class Client:
    """A connection, of which each step is the test's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, sent: bytes) -> None:
        self.writer.write(sent)
        await self.writer.drain()

    async def hears(self) -> tuple[int, bytes]:
        """Return the status and the body of the next answer."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
            _, _, length = head.partition("content-length: ")
            return int(head.split()[1]), await self.reader.readexactly(int(length.split()[0]))

    async def is_closed(self) -> None:
        """Wait until the server has closed it, and read nothing until then."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                assert await self.reader.read() == b""

    async def trickles(self) -> None:
        """Send a head without end, byte after byte, until the server closes the connection."""
        closed = asyncio.create_task(self.is_closed())
        await self.says(b"GET /")
        while not closed.done():
            with contextlib.suppress(ConnectionError):
                await self.says(b"x")
            await asyncio.wait([closed], timeout=SHORT / 10)
        await closed


@dataclass
class Served:
    """A server under test. release: ends the requests to `/slow`."""

    server: uvicorn.Server
    port: int
    release: asyncio.Event
    clients: list[Client]

    async def connect(self, said: bytes = b"", **options: int) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self.clients.append(client)
        await client.says(said)
        return client

    async def holds(self, connections: int) -> None:
        await until(lambda: len(self.server.server_state.connections) == connections)

    async def works_on(self, requests: int) -> None:
        await until(lambda: len(self.server.server_state.tasks) == requests)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  uvicorn tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(app: FastAPI, release: asyncio.Event, settings: ServiceSettings) -> AsyncIterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = http.http_server(app, settings)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    served = Served(server, listener.getsockname()[1], release, [])
    try:
        yield served
    finally:
        for client in served.clients:
            client.writer.close()
        release.set()
        server.should_exit = True
        await running


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    app, release = FastAPI(), asyncio.Event()
    app.include_router(health_router(Health(ready={})))

    @app.get("/slow")
    async def slow() -> None:
        await release.wait()

    @app.get("/large")
    async def large() -> Response:
        return Response(b"x" * LARGE)

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    settings = ServiceSettings(
        database_url="postgresql://x:x@127.0.0.1:1/x",
        issuer_url="http://127.0.0.1:1",
        max_connections=MOST,
    )
    async with serving(app, release, settings) as served:
        yield served


@pytest.fixture
def short_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_SECONDS", SHORT)


async def test_silent_connections_shut_nobody_out(served: Served) -> None:
    silent = [await served.connect() for _ in range(MOST)]
    await served.holds(MOST)
    for oldest in silent:
        probe = await served.connect(LIVEZ)
        assert (await probe.hears())[0] == 200
        await oldest.is_closed()
    await served.holds(MOST)


async def test_one_connection_too_many_is_closed_and_harms_no_request_at_work(served: Served) -> None:
    working = [await served.connect(SLOW) for _ in range(MOST)]
    await served.works_on(MOST)
    await (await served.connect(LIVEZ)).is_closed()
    served.release.set()
    assert [(await client.hears())[0] for client in working] == [200] * MOST
    assert (await (await served.connect(LIVEZ)).hears())[0] == 200


async def test_a_connection_that_says_nothing_is_closed(served: Served, short_heads: None) -> None:
    await (await served.connect()).is_closed()


async def test_a_head_that_does_not_end_is_closed(served: Served, short_heads: None) -> None:
    await (await served.connect()).trickles()


async def test_a_head_that_does_not_end_is_closed_between_requests_too(
    served: Served, short_heads: None
) -> None:
    client = await served.connect(LIVEZ)
    assert (await client.hears())[0] == 200
    await client.trickles()


async def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for(
    served: Served, short_heads: None
) -> None:
    client = await served.connect(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
    assert (await client.hears())[0] == 200
    await client.trickles()


async def test_a_request_takes_as_long_as_the_application_lets_it(served: Served, short_heads: None) -> None:
    """Neither its body nor its work is hurried, while a connection that came later has been closed."""
    uploading, working = await served.connect(UPLOAD), await served.connect(SLOW)
    await served.works_on(2)
    await (await served.connect()).is_closed()
    await uploading.says(b"x" * 10)
    await (await served.connect()).is_closed()
    await uploading.says(b"x" * 10)
    served.release.set()
    assert await uploading.hears() == (200, b"20")
    assert (await working.hears())[0] == 200


async def test_requests_follow_one_another_on_a_connection_also_unasked(served: Served) -> None:
    client = await served.connect(LIVEZ)
    assert (await client.hears())[0] == 200
    await client.says(LIVEZ + UPLOAD + b"x" * 20 + LIVEZ[:10])
    assert [await client.hears() for _ in range(2)] == [(200, b'{"status":"ok"}'), (200, b"20")]
    await client.says(LIVEZ[10:])
    assert (await client.hears())[0] == 200


async def test_an_answer_that_nobody_takes_holds_no_connection(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    client = await served.connect(asking)
    assert len((await client.hears())[1]) == LARGE
    client.writer.close()
    await served.holds(0)
    monkeypatch.setattr(http, "ANSWER_SECONDS", SHORT)
    for pipelined in (1, 3):
        client = await served.connect(asking * pipelined)
        assert await client.reader.readline() == b"HTTP/1.1 200 OK\r\n"
        await served.holds(0)


async def test_who_hangs_up_in_the_middle_of_a_body_is_no_defect(sample: Service) -> None:
    caller = as_caller("olivia", Role.OPERATIONS)["Authorization"]
    head = f"POST /notes HTTP/1.1\r\nHost: x\r\nAuthorization: {caller}\r\nContent-Length: 1000000\r\n\r\n"
    async with app_for(sample) as app, serving(app, asyncio.Event(), sample.settings) as served:
        client = await served.connect(head.encode())
        await served.works_on(1)
        await client.says(b'{"title": ')
        with structlog.testing.capture_logs() as lines:
            client.writer.close()
            await served.works_on(0)
    [line] = lines
    assert (line["event"], line["log_level"], line["status"]) == ("request", "info", 499)
