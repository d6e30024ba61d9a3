"""The network between the platform's processes, where it can be made bad: a TCP proxy in front of each server.

Run by the stack's supervisor as `python -m backoffice_cli.chaos.proxy CONTROL NAME=PORT:TARGET…`, ports on loopback.
`backoffice_cli.chaos.network` speaks to the control port: one JSON object a line, one a line back.
"""

import asyncio
import contextlib
import json
import random
import signal
import socket
import struct
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from backoffice_cli.stack.ports import LOOPBACK

_CHUNK: Final = 65_536
_CHUNKS_ON_THE_WAY: Final = 16
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER for no time: closing sends RST instead of FIN


class Passage(StrEnum):
    """What becomes of bytes and connections: passed on, held back for as long as it lasts, or refused."""

    OPEN = "open"
    HELD = "held"
    REFUSED = "refused"


class Direction(StrEnum):
    """Which way a condition holds: from client to server, back, or both."""

    BOTH = "both"
    REQUESTS = "requests"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of a link. latency, jitter: seconds that each piece is late, and up to how many more.

    HELD is a black hole: connections are accepted and stay up, nothing comes through, no one is told; what was held
    arrives when it ends, as after a retransmission. REFUSED ends every connection with a reset and takes no new one.
    """

    passage: Passage = Passage.OPEN
    latency: float = 0.0
    jitter: float = 0.0
    direction: Direction = Direction.BOTH

    def holds(self, way: Direction) -> bool:
        """Say whether it holds for bytes that go this way."""
        return self.direction in (Direction.BOTH, way)


GOOD: Final = Condition()


class Link:
    """One port of ours in front of one server's."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self.condition = GOOD
        self.passed = 0
        self._server: asyncio.Server | None = None
        self._ends: dict[asyncio.StreamWriter, asyncio.StreamWriter | None] = {}
        self._lost: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()

    async def impose(self, condition: Condition) -> None:
        """Change the condition for connections that are there and those to come; return once it holds."""
        async with self._changed:
            self.condition = condition
            self._changed.notify_all()
        if condition.passage is Passage.REFUSED:
            await self.close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def close(self) -> None:
        """Take no more connections and reset those that are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> int:
        """Reset every connection, on both sides; return how many there were."""
        ends = list(self._ends.items())
        for client, server in ends:
            _reset(client)
            if server is not None:
                _reset(server)
        return len(ends)

    def lose(self) -> int:
        """End every connection for the server alone: its client is never told, nor answered; return how many."""
        ends = [(client, server) for client, server in self._ends.items() if server is not None]
        for client, server in ends:
            self._lost.add(client)
            _reset(server)
        return len(ends)

    @property
    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self._ends)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends[writer] = None
        try:
            await self._until_open(Direction.REQUESTS)
            await self._connect(reader, writer)
        except OSError:
            _reset(writer)
        finally:
            server = self._ends.pop(writer)
            for end in filter(None, (writer, server)):
                end.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until both sides have closed."""
        server_reader, server_writer = await asyncio.open_connection(LOOPBACK, self.target)
        self._ends[writer] = server_writer
        if writer.is_closing():  # it was cut meanwhile
            return
        await asyncio.gather(
            self._pump(reader, server_writer, Direction.REQUESTS),
            self._pump(server_reader, writer, Direction.ANSWERS),
        )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction) -> None:
        """Carry bytes one way until the sender closes, then pass that on too."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_ON_THE_WAY)
        arriving = asyncio.create_task(self._arrive(on_the_way, writer, way))
        clock, due = asyncio.get_running_loop().time, 0.0
        data = b"-"
        while data and not arriving.done():
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            due = max(due, clock() + self._delay(way))
            await on_the_way.put((due, data))
        await arriving

    async def _arrive(
        self, on_the_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, way: Direction
    ) -> None:
        clock = asyncio.get_running_loop().time
        broken = False
        while True:
            due, data = await on_the_way.get()
            await asyncio.sleep(due - clock())
            await self._until_open(way)
            if writer in self._lost:
                await asyncio.Event().wait()  # for ever
            if not data:
                break
            if not broken:  # what comes after the receiver has gone is read and lost, as on a network
                broken = not await self._write(writer, data)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> bool:
        try:
            writer.write(data)
            await writer.drain()
        except OSError:
            return False
        self.passed += len(data)
        return True

    def _delay(self, way: Direction) -> float:
        condition = self.condition
        if not condition.holds(way):
            return 0.0
        return condition.latency + random.uniform(0, condition.jitter)  # noqa: S311  no secret

    async def _until_open(self, way: Direction) -> None:
        async with self._changed:
            await self._changed.wait_for(
                lambda: not (self.condition.passage is Passage.HELD and self.condition.holds(way))
            )


def _reset(writer: asyncio.StreamWriter) -> None:
    held: socket.socket | None = writer.get_extra_info("socket")
    if held is not None:
        with contextlib.suppress(OSError):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


class Control:
    """Answers who wants to see or change the links."""

    def __init__(self, links: dict[str, Link]) -> None:
        self._links = links

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer line by line until the client leaves."""
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                answer = await self._answer(json.loads(line))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, order: dict[str, Any]) -> Any:
        match order:
            case {"impose": dict(condition), "on": str(name)}:
                await self._links[name].impose(as_condition(condition))
            case {"cut": str(name)}:
                return self._links[name].cut()
            case {"lose": str(name)}:
                return self._links[name].lose()
        return {name: _seen(link) for name, link in self._links.items()}


def as_condition(document: dict[str, Any]) -> Condition:
    """Return a condition as `dataclasses.asdict` and JSON have it."""
    passage, direction = Passage(document["passage"]), Direction(document["direction"])
    return Condition(passage, document["latency"], document["jitter"], direction)


def _seen(link: Link) -> dict[str, Any]:
    return {**asdict(link.condition), "connections": link.connections, "passed": link.passed}


async def main(control_port: int, links: dict[str, Link]) -> None:
    """Stand between until told to stop. The control port is opened last: who reaches it finds every link open."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    for link in links.values():
        await link.impose(GOOD)
    await asyncio.start_server(Control(links).serve, LOOPBACK, control_port)
    await told.wait()
    for link in links.values():
        await link.close()


def _links(arguments: list[str]) -> dict[str, Link]:
    parts = (argument.partition("=") for argument in arguments)
    ports = {name: address.split(":") for name, _, address in parts}
    return {name: Link(int(port), int(target)) for name, (port, target) in ports.items()}


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), _links(sys.argv[2:])))
