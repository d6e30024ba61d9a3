"""`python -m <package>.main keys status|encrypt|rotate|renew`: prints how things stand as one JSON document."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backoffice_chassis.database import close, create_engine
from backoffice_chassis.secrecy import backlog, keys
from backoffice_chassis.secrecy.errors import MissingKeyError, UnreadableError
from backoffice_chassis.secrecy.sealed import Sealed
from backoffice_chassis.secrecy.tables import data_key
from backoffice_chassis.service import Service

REMAINS = 1
REFUSED = 2
_AT_A_TIME = 500

Document = dict[str, Any]


def main(service: Service, verb: str) -> int:
    """Do what the verb says and print how things stand then; return the exit code, 0 when nothing remains."""
    try:
        state = asyncio.run(_run(service, _VERBS[verb]))
    except (MissingKeyError, UnreadableError) as error:
        _print({"error": str(error)})
        return REFUSED
    _print(state)
    return REMAINS if remains(state) else 0


def remains(state: Document) -> bool:
    """Say whether a value stands in clear or under an older data key, or a data key under an older key."""
    older = set(state["data_keys_by_version"]) - {str(state["encrypts_with"])}
    return bool(
        older or any(state["rows_in_clear"].values()) or any(state["rows_under_older_data_keys"].values())
    )


async def _run(service: Service, work: "Work") -> Document:
    engine = create_engine(service.settings, application_name=f"backoffice-{service.name}-keys")
    try:
        await work(engine, service.sealed_columns)
        async with engine.connect() as connection:
            return await state_of(connection, service.sealed_columns)
    finally:
        await close(engine)


async def state_of(connection: AsyncConnection, sealed: Sequence[Sealed]) -> Document:
    """Return how things stand."""
    versions = select(data_key.c.kek_version, func.count()).where(data_key.c.destroyed_at.is_(None))
    by_version = await connection.execute(versions.group_by(data_key.c.kek_version))
    destroyed = select(func.count()).where(data_key.c.destroyed_at.is_not(None))
    return {
        "encrypts_with": keys.ring_of(connection).current,
        "data_keys_by_version": {str(version): number for version, number in by_version},
        "data_keys_destroyed": (await connection.execute(destroyed)).scalar_one(),
        "older_release_may_run": await keys.is_pending(connection),
        "rows_in_clear": {
            each.table.name: await backlog.count(connection, each, backlog.in_clear(each)) for each in sealed
        },
        "rows_under_older_data_keys": {
            each.table.name: await backlog.count(connection, each, backlog.under_older_key(each))
            for each in sealed
        },
    }


async def look(engine: AsyncEngine, sealed: Sequence[Sealed]) -> None:
    """Change nothing."""


async def encrypt(engine: AsyncEngine, sealed: Sequence[Sealed]) -> None:
    """Encrypt whatever stands in clear or under an older data key, from now on and what is there."""
    async with engine.begin() as connection:
        await keys.end_pending(connection)
    for each in sealed:
        while await _encrypted_in_a_pass(engine, each):
            pass


async def _encrypted_in_a_pass(engine: AsyncEngine, sealed: Sealed) -> int:
    """Go through a table once, batch by batch, each in a transaction of its own; return how many batches it were."""
    batches, last = 0, await _batch(engine, sealed, ())
    while last:
        batches, last = batches + 1, await _batch(engine, sealed, last)
    return batches


async def _batch(engine: AsyncEngine, sealed: Sealed, after: backlog.Key) -> backlog.Key:
    async with engine.begin() as connection:
        return await backlog.encrypt_some(connection, sealed, _AT_A_TIME, after)


async def rotate(engine: AsyncEngine, sealed: Sequence[Sealed]) -> None:  # noqa: ARG001  as all verbs
    """Wrap every data key by the first key of BACKOFFICE_FIELD_KEYS."""
    await _in_batches(engine, partial(keys.rewrap, most=_AT_A_TIME))


async def renew(engine: AsyncEngine, sealed: Sequence[Sealed]) -> None:
    """Make new data keys, and encrypt everything under them."""
    async with engine.begin() as connection:
        await keys.renew(connection)
    await encrypt(engine, sealed)


async def _in_batches(engine: AsyncEngine, step: Callable[[AsyncConnection], Awaitable[int]]) -> None:
    """Take steps, each in a transaction of its own, until one finds nothing more to do."""
    while True:
        async with engine.begin() as connection:
            if not await step(connection):
                return


def _print(document: Document) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


Work = Callable[[AsyncEngine, Sequence[Sealed]], Awaitable[None]]
_VERBS: Final[dict[str, Work]] = {"status": look, "encrypt": encrypt, "rotate": rotate, "renew": renew}
VERBS = tuple(_VERBS)
"""What the command line takes."""
