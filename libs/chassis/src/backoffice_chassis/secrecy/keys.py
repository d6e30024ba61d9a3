"""Data keys in the database: made, found, wrapped anew, destroyed.

They are read in each transaction that needs them and kept by no process, so that a key that was destroyed is gone
everywhere at once. They come in generations: the newest encrypts, the older ones only decrypt.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ARRAY, Row, bindparam, delete, exists, func, literal, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.secrecy.envelope import DATA_KEY_BITS, KEY_ID_ENDS, DataKey, key_id_of
from backoffice_chassis.secrecy.errors import MissingKeyError
from backoffice_chassis.secrecy.ring import KeyRing, Wrapped
from backoffice_chassis.secrecy.tables import data_key, encryption_pending
from backoffice_events.ids import new_id
from backoffice_events.messaging import bulk

NEWEST: Final = select(func.coalesce(func.max(data_key.c.generation), 1)).scalar_subquery()
_KEY_RING: Final = "backoffice_key_ring"
_PENDING: Final = select(encryption_pending).with_for_update(read=True)
_ALIVE: Final = data_key.c.destroyed_at.is_(None)
# Each batch of trades asks these: they are made once.
_OWN: Final = (
    select(data_key)
    .where(data_key.c.subject.is_(None), data_key.c.generation == NEWEST, _ALIVE)
    .order_by(data_key.c.key_id)
    .limit(1)
)
# Whether values are written in clear, and the service's own key, in one statement.
_CLEAR: Final = select(encryption_pending.c.since).with_for_update(read=True).cte("pending")
_KEY: Final = _OWN.subquery("own")
_SEALING: Final = select(exists(select(_CLEAR)).label("pending"), _KEY).select_from(
    select(literal(1)).subquery("always").outerjoin(_KEY, true())
)
_NAMED: Final = select(data_key).where(
    data_key.c.key_id == func.any(bindparam("key_ids", type_=ARRAY(data_key.c.key_id.type))), _ALIVE
)


def with_ring(ring: KeyRing) -> dict[str, Any]:
    """Return an engine's execution options, by which its connections encrypt and decrypt."""
    return {_KEY_RING: ring}


def options_of(connection: AsyncConnection) -> Mapping[str, Any]:
    """Return the execution options that a connection's engine was opened with."""
    return connection.sync_connection.get_execution_options() if connection.sync_connection else {}


def ring_of(connection: AsyncConnection) -> KeyRing:
    """Return the keys that a connection's engine was opened with. Raises MissingKeyError when it was without."""
    options = options_of(connection)
    if _KEY_RING not in options:
        raise MissingKeyError("This connection was opened without BACKOFFICE_FIELD_KEYS.")
    ring: KeyRing = options[_KEY_RING]
    return ring


async def is_pending(connection: AsyncConnection) -> bool:
    """Return whether a release may run that reads values in clear; who ends that waits for this transaction."""
    return (await connection.execute(_PENDING)).first() is not None


async def end_pending(connection: AsyncConnection) -> None:
    """Have every transaction that begins to write from now on encrypt; wait for those that began before."""
    await connection.execute(delete(encryption_pending))


async def of_subjects(connection: AsyncConnection, subjects: Collection[str]) -> dict[str, DataKey]:
    """Return the key that encrypts for each subject, made for those that have none of the newest generation."""
    query = select(data_key).where(
        data_key.c.subject == func.any(list(subjects)), data_key.c.generation == NEWEST, _ALIVE
    )
    found = {row.subject: _opened(connection, row) for row in await connection.execute(query)}
    missing = sorted(set(subjects) - set(found))
    generation = (await connection.execute(select(NEWEST))).scalar_one()
    made = await _make(connection, missing, generation)
    return {**found, **dict(zip(missing, made, strict=True))}


async def own(connection: AsyncConnection) -> DataKey:
    """Return the key that encrypts what is no single person's, made if there is none."""
    row = (await connection.execute(_OWN)).one_or_none()
    if row is not None:
        return _opened(connection, row)
    generation = (await connection.execute(select(NEWEST))).scalar_one()
    [made] = await _make(connection, [None], generation)
    return made


async def sealing(connection: AsyncConnection) -> DataKey | None:
    """Return the key that encrypts what is no single person's; None while values are written in clear."""
    row = (await connection.execute(_SEALING)).one()
    if row.pending:
        return None
    return await own(connection) if row.key_id is None else _opened(connection, row)


async def renew(connection: AsyncConnection) -> None:
    """Begin a new generation of data keys."""
    newest = (await connection.execute(select(NEWEST))).scalar_one()
    await _make(connection, [None], newest + 1)


async def _make(
    connection: AsyncConnection, subjects: Sequence[str | None], generation: int
) -> list[DataKey]:
    ring = ring_of(connection)
    made = [(new_id(), AESGCM.generate_key(DATA_KEY_BITS)) for _ in subjects]
    rows = [
        {
            "key_id": key_id,
            "subject": subject,
            "kek_version": ring.current,
            "wrapped": ring.wrap(key_id, key).wrapped,
            "generation": generation,
        }
        for subject, (key_id, key) in zip(subjects, made, strict=True)
    ]
    await bulk.insert(connection, data_key, rows)
    return [DataKey(key_id, key) for key_id, key in made]


async def named(connection: AsyncConnection, key_ids: Collection[str]) -> Mapping[str, DataKey]:
    """Return data keys by their ids. Raises MissingKeyError for one that is unknown or was destroyed."""
    if not key_ids:
        return {}
    rows = await connection.execute(_NAMED, {"key_ids": list(key_ids)})
    found = {row.key_id: _opened(connection, row) for row in rows}
    missing = sorted(set(key_ids) - set(found))
    if missing:
        raise MissingKeyError(f"Data key {missing[0]} was destroyed, or never was in this database.")
    return found


async def of_sealed(connection: AsyncConnection, sealed: Iterable[str | None]) -> Mapping[str, DataKey]:
    """Return the data keys that values are under, by how these begin, up to KEY_ID_ENDS. Raises as `named` does.

    sealed: None is a value that is not encrypted.
    """
    beginnings = {each[:KEY_ID_ENDS] for each in sealed if each is not None}
    found = await named(connection, {key_id_of(each) for each in beginnings})
    return {each: found[key_id_of(each)] for each in beginnings}


async def destroy(connection: AsyncConnection, subject: str) -> None:
    """Destroy every data key of a subject: what it encrypted is gone, wherever a copy of it lies."""
    doomed = update(data_key).where(data_key.c.subject == subject, _ALIVE)
    await connection.execute(doomed.values(wrapped=None, destroyed_at=func.clock_timestamp()))


async def rewrap(connection: AsyncConnection, most: int) -> int:
    """Wrap data keys that another version wrapped by the current one, at most so many. Return how many it were."""
    ring = ring_of(connection)
    query = select(data_key).where(data_key.c.kek_version != ring.current, _ALIVE)
    rows = (await connection.execute(query.order_by(data_key.c.key_id).limit(most).with_for_update())).all()
    anew = [ring.wrap(row.key_id, ring.unwrap(_wrapped(row))) for row in rows]
    changes = [{"key_id": each.key_id, "kek_version": each.version, "wrapped": each.wrapped} for each in anew]
    await bulk.update(connection, data_key, changes, key=["key_id"])
    return len(changes)


async def missing_versions(connection: AsyncConnection) -> list[int]:
    """Return versions of the operator's key that data keys are wrapped by, and that this process was not given."""
    found = await connection.execute(select(data_key.c.kek_version).where(_ALIVE).distinct())
    return sorted(set(found.scalars()) - ring_of(connection).versions)


def _opened(connection: AsyncConnection, row: Row[Any]) -> DataKey:
    return DataKey(row.key_id, ring_of(connection).unwrap(_wrapped(row)))


def _wrapped(row: Row[Any]) -> Wrapped:
    return Wrapped(row.key_id, row.kek_version, row.wrapped)
