"""A service's connection to its database is encrypted when the URL says so, and only with a server that proves itself.

The embedded PostgreSQL is built without TLS: a front before it speaks TLS as PostgreSQL's protocol begins it.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from sqlalchemy import text

from backoffice_chassis import ServiceSettings
from backoffice_chassis.database import create_engine
from backoffice_chassis.testing import FIELD_KEYS
from backoffice_cli.stack.testing import PostgresServer

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"
SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)


@dataclass
class Front:
    """What stands before the database. encrypted: connections that came to be on TLS."""

    port: int = 0
    encrypted: int = 0


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Return the authority that clients trust."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "ca.pem"))
    return made


@contextlib.asynccontextmanager
async def front(postgres: PostgresServer, issued_by: trustme.CA, name: str = HOST) -> AsyncIterator[Front]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued_by.issue_cert(name).configure_cert(context)
    found = Front()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) != SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.start_tls(context)
            found.encrypted += 1
            inner_reader, inner_writer = await asyncio.open_connection(HOST, postgres.port)
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def answer(database_url: str, port: int, mode: str) -> int:
    """Connect as a service does, but to this port."""
    before, _, name = database_url.rpartition("/")
    url = f"{before.rpartition(':')[0]}:{port}/{name}?sslmode={mode}"
    settings = ServiceSettings(database_url=url, issuer_url="http://127.0.0.1:1", field_keys=FIELD_KEYS)
    engine = create_engine(settings, application_name="tls")
    try:
        async with engine.connect() as connection:
            return int((await connection.execute(text("SELECT 1"))).scalar_one())
    finally:
        await engine.dispose()


async def test_a_server_of_a_known_authority_is_spoken_to_on_tls(
    sample_database: str, postgres: PostgresServer, authority: trustme.CA
) -> None:
    async with front(postgres, authority) as found:
        assert await answer(sample_database, found.port, "verify-full") == 1
    assert found.encrypted == 1


@pytest.mark.parametrize(
    ("is_known", "name"),
    [(False, HOST), (True, "another.example")],
    ids=["a certificate of nobody we know", "a certificate of another server"],
)
async def test_a_server_that_does_not_prove_itself_is_not_spoken_to(
    sample_database: str, postgres: PostgresServer, authority: trustme.CA, *, is_known: bool, name: str
) -> None:
    async with front(postgres, authority if is_known else trustme.CA(), name) as found:
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer(sample_database, found.port, "verify-full")


async def test_a_server_without_tls_is_not_spoken_to_in_clear(
    sample_database: str, postgres: PostgresServer, authority: trustme.CA
) -> None:
    with pytest.raises(ConnectionError, match="rejected SSL upgrade"):
        await answer(sample_database, postgres.port, "verify-full")
