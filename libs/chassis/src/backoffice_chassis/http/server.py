"""The HTTP server of a process, and what bounds its connections: anybody may open one, and no token is asked for it."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import ClassVar, Final

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from backoffice_chassis.settings import ServiceSettings

log = structlog.get_logger(__name__)

# Twice the pause that uvicorn allows between two requests: one that begins at the end of it has as long again.
HEAD_SECONDS: Final = 10
ANSWER_SECONDS: Final = 60


def http_server(app: FastAPI, settings: ServiceSettings) -> uvicorn.Server:
    """Return the server of an application at the address of its settings."""

    class Connection(BoundedConnection):
        most = settings.max_connections

    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        http=Connection,
        ws="none",  # a connection that became a web socket would be bounded by nothing
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
    )
    return _HttpServer(config)


class _HttpServer(uvicorn.Server):
    """A uvicorn that leaves the signals to us: HTTP is only one of the things to be stopped."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class BoundedConnection(H11Protocol):
    """A connection that waits neither for a request's head nor for its answer to be taken for ever.

    Between a head and its answer the limits of the application hold. One connection more than `most` takes the place
    of the one that has waited for a head the longest; when none waits, it is closed itself.
    """

    most: ClassVar[int]
    _head_due: asyncio.TimerHandle | None = None
    _answer_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first request, if there is room."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(
            high=0
        )  # `pause_writing` tells of every byte that the client leaves
        self._wait_for_head()
        if len(self.connections) > self.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once a head is complete; a part of one is no reason to wait any longer."""
        super().data_received(data)
        if self._at_work():
            _cancel(self._head_due)
            self._head_due = None

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it came along with the one that is answered."""
        super().on_response_complete()
        if not self._at_work():
            self._wait_for_head()

    def pause_writing(self) -> None:
        """Give the client time to take what was sent."""
        super().pause_writing()
        self._answer_due = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Be content: everything was taken."""
        super().resume_writing()
        _cancel(self._answer_due)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        _cancel(self._head_due)
        _cancel(self._answer_due)
        super().connection_lost(exc)

    def _at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._head_due = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _make_room(self) -> None:
        """Close the connection that has waited longest: this one, when all others are at work."""
        waiting = {
            each: each._head_due.when()
            for each in self.connections
            if isinstance(each, BoundedConnection) and each._head_due and not each.flow.write_paused
        }
        longest = min(waiting, key=waiting.__getitem__)
        if longest is self:
            log.warning("connection turned away", open=self.most)
        self.connections.discard(
            longest
        )  # it is to be chosen once, and ends only after this turn of the loop
        longest.transport.abort()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
