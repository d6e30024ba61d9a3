"""The proxy between the platform's processes really makes the network bad, and good again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from backoffice_cli.chaos.proxy import GOOD, Condition, Direction, Link, Passage
from backoffice_cli.stack.ports import LOOPBACK, draw_ports, reserve_ports

pytestmark = pytest.mark.integration

T = TypeVar("T")
PATIENCE_SECONDS = 20
A_MOMENT = 0.2
FOR_EVER = 600


class Echo:
    """A server that answers with what it is told, and keeps it.

    hears: something was said. answers: whether it does now. ended: connections that the client closed.
    """

    def __init__(self) -> None:
        self.heard = b""
        self.hears = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                self.heard += data
                self.hears.set()
                await self.answers.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        self.ended.set()
        writer.close()


@contextmanager
def held_port() -> Iterator[int]:
    """Yield a port that nobody else is given; a server of ours can listen on it."""
    holders = reserve_ports([0])
    try:
        yield holders[0].getsockname()[1] if holders else draw_ports(1)[0]
    finally:
        for holder in holders:
            holder.close()


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def link(echo: Echo) -> AsyncIterator[Link]:
    """Return an open link to an echo server."""
    server = await asyncio.start_server(echo.serve, LOOPBACK, 0)
    with held_port() as port:
        made = Link(port, server.sockets[0].getsockname()[1])
        await made.impose(GOOD)
        yield made
        await made.impose(GOOD)
        await made.close()
    server.close()


async def soon(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, PATIENCE_SECONDS)


async def is_silent(reader: asyncio.StreamReader) -> bool:
    """Say whether nothing arrives for a moment: no byte, no end, no error."""
    try:
        await asyncio.wait_for(reader.read(1), A_MOMENT)
    except TimeoutError:
        return True
    return False


async def connected(link: Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await soon(asyncio.open_connection(LOOPBACK, link.port))


async def test_bytes_pass_unchanged_and_in_order_however_late_each_piece_is(link: Link) -> None:
    reader, writer = await connected(link)
    said = bytes(range(256)) * 4_000
    await link.impose(Condition(latency=0.001, jitter=0.005))
    writer.write(said)
    assert await soon(reader.readexactly(len(said))) == said
    writer.close()


@pytest.mark.parametrize("direction", [Direction.BOTH, Direction.REQUESTS])
async def test_latency_holds_for_requests(link: Link, echo: Echo, direction: Direction) -> None:
    reader, writer = await connected(link)
    await link.impose(Condition(latency=FOR_EVER, direction=direction))
    writer.write(b"ping")
    assert await is_silent(reader)
    assert echo.heard == b""
    assert link.cut() == 1
    writer.close()


@pytest.mark.parametrize("direction", [Direction.BOTH, Direction.ANSWERS])
async def test_latency_holds_for_answers(link: Link, echo: Echo, direction: Direction) -> None:
    reader, writer = await connected(link)
    echo.answers.clear()
    writer.write(b"ping")
    await soon(echo.hears.wait())
    await link.impose(Condition(latency=FOR_EVER, direction=direction))
    echo.answers.set()
    assert await is_silent(reader)
    assert link.cut() == 1
    writer.close()


async def test_held_connections_stay_up_and_get_what_was_held_once_it_is_over(link: Link, echo: Echo) -> None:
    reader, writer = await connected(link)
    await link.impose(Condition(Passage.HELD))
    writer.write(b"ping")
    assert await is_silent(reader)
    assert echo.heard == b""
    await link.impose(GOOD)
    assert await soon(reader.readexactly(4)) == b"ping"
    writer.close()


async def test_a_connection_made_while_held_is_half_open_until_it_is_over(link: Link) -> None:
    await link.impose(Condition(Passage.HELD))
    reader, writer = await connected(link)
    writer.write(b"ping")
    assert await is_silent(reader)
    await link.impose(GOOD)
    assert await soon(reader.readexactly(4)) == b"ping"
    writer.close()


async def test_a_server_does_not_hear_that_its_client_left_while_held(link: Link, echo: Echo) -> None:
    reader, writer = await connected(link)
    writer.write(b"ping")
    await soon(reader.readexactly(4))
    await link.impose(Condition(Passage.HELD))
    writer.close()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(echo.ended.wait(), A_MOMENT)
    await link.impose(GOOD)
    await soon(echo.ended.wait())


async def test_one_direction_alone_can_be_held(link: Link, echo: Echo) -> None:
    reader, writer = await connected(link)
    await link.impose(Condition(Passage.HELD, direction=Direction.ANSWERS))
    writer.write(b"ping")
    await soon(echo.hears.wait())
    assert echo.heard == b"ping"
    assert await is_silent(reader)
    await link.impose(GOOD)
    assert await soon(reader.readexactly(4)) == b"ping"
    writer.close()


async def test_a_refused_server_takes_no_connection_until_it_is_over(link: Link) -> None:
    reader, _ = await connected(link)
    await link.impose(Condition(Passage.REFUSED))
    with pytest.raises(ConnectionResetError):
        await soon(reader.read())
    with pytest.raises(ConnectionRefusedError):
        await connected(link)
    await link.impose(GOOD)
    again, writer = await connected(link)
    writer.write(b"ping")
    assert await soon(again.readexactly(4)) == b"ping"
    writer.close()


async def test_cut_connections_end_with_a_reset_on_both_sides_and_new_ones_pass(
    link: Link, echo: Echo
) -> None:
    reader, writer = await connected(link)
    writer.write(b"ping")
    await soon(reader.readexactly(4))
    assert link.connections == 1
    assert link.cut() == 1
    with pytest.raises(ConnectionResetError):
        await soon(reader.read())
    await soon(echo.ended.wait())
    again, writer = await connected(link)
    writer.write(b"pong")
    assert await soon(again.readexactly(4)) == b"pong"
    writer.close()


async def test_the_client_of_a_lost_connection_hears_nothing_more_and_new_ones_pass(
    link: Link, echo: Echo
) -> None:
    reader, writer = await connected(link)
    writer.write(b"ping")
    await soon(reader.readexactly(4))
    assert link.lose() == 1
    await soon(echo.ended.wait())
    writer.write(b"ping")
    assert await is_silent(reader)
    again, other = await connected(link)
    other.write(b"pong")
    assert await soon(again.readexactly(4)) == b"pong"
    writer.close()
    other.close()


async def test_a_server_that_is_away_is_a_reset_for_the_client() -> None:
    with held_port() as port, held_port() as nobody:
        lonely = Link(port, nobody)
        await lonely.impose(GOOD)
        reader, _ = await connected(lonely)
        with pytest.raises(ConnectionResetError):
            await soon(reader.read())
        await lonely.close()
