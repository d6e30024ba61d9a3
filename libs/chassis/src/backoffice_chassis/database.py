"""The service's database engine."""

import asyncio
import contextlib
from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice_chassis.secrecy import keys
from backoffice_chassis.secrecy.ring import KeyRing
from backoffice_chassis.secrecy.transit import EventKeys, with_event_keys
from backoffice_chassis.settings import ServiceSettings

_ANSWER_SECONDS = 5
"""After the server should have cancelled a statement, this long for its word to arrive; then it is not there."""

_GOODBYE_SECONDS = 5
"""How long the connections of a process that ends may take to close."""


def create_engine(settings: ServiceSettings, *, application_name: str) -> AsyncEngine:
    """Return the engine of one process. Nothing connects until it is used.

    A statement that outlives a request is cancelled by the server; a transaction left idle is ended by it. A server
    that went away without a word is given up soon after that.
    """
    return _engine(settings, application_name, settings.request_timeout_seconds, settings.database_pool_size)


def create_report_engine(settings: ServiceSettings, *, application_name: str) -> AsyncEngine:
    """Return the engine for what reads whole tables: one connection, and the time of a report."""
    return _engine(settings, application_name, settings.report_timeout_seconds, 1)


async def close(*engines: AsyncEngine) -> None:
    """Close the connections of a process that ends, in seconds, whatever became of the server.

    A connection whose server went away without a word would wait for its goodbye as long as for a statement, or for a
    whole report, one after the other.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await asyncio.gather(*(engine.dispose() for engine in engines))


def _engine(settings: ServiceSettings, application_name: str, timeout: int, connections: int) -> AsyncEngine:
    return create_async_engine(
        settings.database_url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=min(timeout, 10),
        pool_recycle=1800,
        pool_use_lifo=True,
        execution_options=secrecy(settings.required_field_keys(), settings.event_keys),
        connect_args={
            "timeout": 5,
            "command_timeout": timeout + _ANSWER_SECONDS,
            "server_settings": {
                "application_name": application_name,
                "statement_timeout": str(timeout * 1000),
                "idle_in_transaction_session_timeout": str(timeout * 2000),
                "timezone": "UTC",
            },
        },
    )


def secrecy(field_keys: str, event_keys: SecretStr | None) -> dict[str, Any]:
    """Return an engine's execution options, by which its connections encrypt and decrypt what rests and travels so."""
    return {
        **keys.with_ring(KeyRing(field_keys)),
        **with_event_keys(EventKeys(event_keys.get_secret_value()) if event_keys else None),
    }
