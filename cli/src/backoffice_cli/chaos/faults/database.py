"""The database server dies, throws its clients out, takes no more of them, or has no room left."""

import asyncio
import contextlib
import errno
import os
import random
from pathlib import Path

import asyncpg

from backoffice_cli.chaos.fault import Drawn, Fault, Need, NotNowError, OneFault, Planned, Shape
from backoffice_cli.chaos.outage import bring_back, take_down
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.chaos.superuser import connected, database_of, execute, once_possible, url_of
from backoffice_cli.stack.databases import Connection
from backoffice_cli.stack.postgres import data_folders

_TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND usename = ANY($1::text[]) AND pid <> pg_backend_pid()
"""
_FREE = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*)
    FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


class DatabaseKilled(OneFault):
    """SIGKILL to the server; it stays down for a while, then recovers from its write-ahead log."""

    name = "database-killed"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw how long it is down."""
        return Drawn("postgres", round(draw.uniform(0.5, 8.0), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Kill it."""
        take_down(stage, planned, "postgres")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Let it start again."""
        bring_back(stage, planned)


class SessionsTerminated(OneFault):
    """The server ends every session of some services (`pg_terminate_backend`), in the middle of whatever they do."""

    name = "sessions-terminated"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the services."""
        return Drawn(",".join(draw.sample(shape.services, draw.randint(1, len(shape.services)))))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """End the sessions."""
        ended = asyncio.run(_terminate(stage, planned.target.split(",")))
        if not ended:
            raise NotNowError("they have no sessions at the moment")
        stage.note(planned, f"{ended} sessions ended")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Nothing to do: services connect again by themselves."""


class RoleIsFull(OneFault):
    """A service may hold fewer connections than it wants (`CONNECTION LIMIT`), and has just lost those it had."""

    name = "role-is-full"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the service, its connections, and for how long."""
        return Drawn(
            draw.choice(shape.services), round(draw.uniform(2.0, 10.0), 1), {"limit": draw.randint(0, 2)}
        )

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Set the limit, then end the sessions."""
        role = database_of(planned.target)
        execute(stage, f"ALTER ROLE {role} CONNECTION LIMIT {planned.parameters['limit']}")
        ended = asyncio.run(_terminate(stage, [planned.target]))
        stage.note(planned, f"at most {planned.parameters['limit']} connections; {ended} sessions ended")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Lift the limit."""
        lift = f"ALTER ROLE {database_of(planned.target)} CONNECTION LIMIT -1"
        once_possible(stage, planned, lift, "postgres", "no limit any more")


class ServerIsFull(OneFault):
    """Somebody else holds all connections that the server has to give."""

    name = "server-is-full"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw for how long, and the service that loses its connections."""
        return Drawn(draw.choice(shape.services), round(draw.uniform(2.0, 8.0), 1))

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Take what is free, throw a service out, and be faster than it in taking what became free."""
        crowd, held = asyncio.Runner(), list[Connection]()
        stage.kept(planned).update(crowd=crowd, held=held)
        try:
            crowd.run(_crowd(stage, planned, held))
        except (OSError, asyncpg.PostgresError) as error:
            self.heal(stage, planned)
            raise NotNowError(f"the database takes no session: {error!r}") from error
        stage.note(planned, f"{len(held)} connections are taken")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Give them back."""
        crowd: asyncio.Runner = stage.kept(planned)["crowd"]
        held: list[Connection] = stage.kept(planned)["held"]
        crowd.run(_leave(held))
        crowd.close()
        stage.note(planned, f"{len(held)} connections are given back")


class DiskIsFull(OneFault):
    """No byte is left on the database's disk: not for tables, nor for the write-ahead log, which ends the server."""

    name = "disk-is-full"
    needs = frozenset({Need.SMALL_DISK})

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw for how long, and how many bytes are left."""
        left = draw.choice((0, 0, 65_536, 4_194_304))
        return Drawn("postgres", round(draw.uniform(3.0, 12.0), 1), {"left": left})

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Fill it with ballast."""
        ballast = _disk_of(stage) / "ballast"
        if ballast.exists():
            raise NotNowError("it is full already")
        size = fill(ballast, int(planned.parameters["left"]))
        stage.kept(planned)["ballast"] = ballast
        stage.note(planned, f"{size:,} bytes of ballast leave {planned.parameters['left']:,}")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Drop the ballast, and see that the server, which may have ended over it, takes statements."""
        stage.kept(planned)["ballast"].unlink()
        once_possible(stage, planned, "SELECT 1", "postgres", "there is room again, and the server answers")


def fill(ballast: Path, left: int) -> int:
    """Write a file as large as its disk has room, but for `left` bytes; return its size."""
    with ballast.open("wb") as file:
        while size := max(0, _free(ballast.parent) - left):
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:  # somebody else wrote meanwhile
                if error.errno != errno.ENOSPC:
                    raise
            else:
                return size
    return 0


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def _disk_of(stage: Stage) -> Path:
    for place in data_folders(stage.folder / "postgres"):
        if place.is_mount():
            return place
    raise NotNowError("the database has no disk of its own")


async def _terminate(stage: Stage, services: list[str]) -> int:
    async with connected(stage) as admin:
        ended: int = await admin.fetchval(_TERMINATE, [database_of(service) for service in services])
    return ended


async def _crowd(stage: Stage, planned: Planned, held: list[Connection]) -> None:
    """Fill the server but for the superuser's own places, throw the service out, and fill it again."""
    admin = await asyncpg.connect(url_of(stage))
    held.append(admin)
    for _ in range(2):
        with contextlib.suppress(asyncpg.TooManyConnectionsError):  # then it is full
            for _ in range(await admin.fetchval(_FREE)):
                held.append(await asyncpg.connect(url_of(stage)))  # noqa: PERF401  an error leaves those before it
        await admin.fetchval(_TERMINATE, [database_of(planned.target)])


async def _leave(held: list[Connection]) -> None:
    for connection in held:
        connection.terminate()


FAULTS: tuple[Fault, ...] = (
    DatabaseKilled(),
    SessionsTerminated(),
    RoleIsFull(),
    ServerIsFull(),
    DiskIsFull(),
)
