"""Servers that somebody else runs get the platform's topics and databases."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner, Result

from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.provisioning import access
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.testing import PostgresServer, shared_server

pytestmark = pytest.mark.integration
PASSWORDS = {
    name: "it's a 'password'"
    for service in SERVICES
    for name in (f"{service.package.upper()}_PASSWORD", f"{service.package.upper()}_OWNER_PASSWORD")
} | {"MONITORING_PASSWORD": "of-monitoring"}


def provision(postgres: PostgresServer, kafka: str, env: dict[str, str]) -> Result:
    servers = ["--admin-url", postgres.admin_url, "--bootstrap-servers", kafka, "--replication-factor", "1"]
    return CliRunner().invoke(app, ["provision", *servers, "--json"], env=env)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> PostgresServer:
    """Return a server of its own: provisioning sets the roles' passwords, which other tests log in with."""
    folder = tmp_path_factory.mktemp("postgres")
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    return PostgresServer(int(shared_server("postgres", folder, os.getpid())["port"]))


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a broker of its own, on which nobody else made the topics before."""
    return shared_server("kafka", tmp_path_factory.mktemp("kafka"), os.getpid())["bootstrap_servers"]


@pytest.fixture(scope="module")
def provisioned(postgres: PostgresServer, kafka: str) -> Result:
    return provision(postgres, kafka, PASSWORDS)


def test_it_may_be_repeated_and_every_service_gets_a_database(
    provisioned: Result, postgres: PostgresServer, kafka: str
) -> None:
    second = provision(postgres, kafka, PASSWORDS)
    assert provisioned.exit_code == second.exit_code == Exit.OK
    assert json.loads(second.stdout)["databases"] == [service.package for service in SERVICES]


async def test_no_service_reaches_the_database_of_another(
    provisioned: Result, postgres: PostgresServer
) -> None:
    assert provisioned.exit_code == Exit.OK
    own: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": postgres.port,
        "user": "hr",
        "password": PASSWORDS["HR_PASSWORD"],
    }
    connection = await asyncpg.connect(**own, database="hr")
    await connection.close()
    for other in ("ledger", "postgres", "template1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(**own, database=other)


async def test_monitoring_sees_statistics_and_no_services_rows(
    provisioned: Result, postgres: PostgresServer
) -> None:
    assert provisioned.exit_code == Exit.OK
    own: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": postgres.port,
        "user": "monitoring",
        "password": PASSWORDS["MONITORING_PASSWORD"],
    }
    connection = await asyncpg.connect(**own, database="postgres")
    databases = await connection.fetch("SELECT datname, xact_commit FROM pg_stat_database")
    assert {service.package for service in SERVICES} <= {row["datname"] for row in databases}
    assert await connection.fetchval("SELECT pg_has_role('pg_read_all_stats', 'usage')")
    await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(**own, database="ledger")


async def test_a_standby_may_still_rewind_itself(postgres: PostgresServer) -> None:
    """pg_rewind connects to the database postgres as the role that replicates; CloudNativePG's is no superuser."""
    admin = await asyncpg.connect(postgres.admin_url)
    await admin.execute("CREATE ROLE \"streaming-replica\" LOGIN REPLICATION PASSWORD 'x'")
    await admin.close()
    arguments = ["provision", "--admin-url", postgres.admin_url, "--databases-only", "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=PASSWORDS)
    assert result.exit_code == Exit.OK, result.stderr
    assert json.loads(result.stdout)["topics"] == []
    login: dict[str, Any] = {"host": "127.0.0.1", "port": postgres.port, "password": "x"}
    await (await asyncpg.connect(**login, user="streaming-replica", database="postgres")).close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(**login, user="streaming-replica", database="ledger")


def test_brokers_are_left_out_only_on_purpose(postgres: PostgresServer) -> None:
    result = CliRunner().invoke(app, ["provision", "--admin-url", postgres.admin_url], env=PASSWORDS)
    assert result.exit_code == Exit.FAILED
    assert "--databases-only" in result.stderr


async def test_every_declared_topic_is_there_and_reference_topics_are_compacted(
    provisioned: Result, kafka: str
) -> None:
    assert provisioned.exit_code == Exit.OK
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    declared = {topic.name: topic.partitions for topic in access.load().topics}
    assert "trading.trades.v1.ledger.trades.dlq" in declared
    described = await admin.describe_topics(list(declared))
    assert {topic["topic"]: len(topic["partitions"]) for topic in described} == declared
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "hr.employees.v1")])
    await admin.close()
    settings = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert settings["cleanup.policy"] == "compact"


def test_a_missing_password_is_named_before_anything_is_touched(postgres: PostgresServer, kafka: str) -> None:
    result = provision(postgres, kafka, {**PASSWORDS, "HR_PASSWORD": ""})
    assert result.exit_code == Exit.FAILED
    assert "HR_PASSWORD" in result.stderr


def test_the_address_and_the_passwords_may_come_from_files(
    provisioned: Result, postgres: PostgresServer, kafka: str, tmp_path: Path
) -> None:
    (tmp_path / "backoffice_admin_database_url").write_text(f"{postgres.admin_url}\n")
    for name, password in {**PASSWORDS, "HR_PASSWORD": "from a file"}.items():
        (tmp_path / name.lower()).write_text(password)
    arguments = ["provision", "--bootstrap-servers", kafka, "--replication-factor", "1"]
    result = CliRunner().invoke(app, arguments, env={"BACKOFFICE_SECRETS_DIR": str(tmp_path)})
    assert result.exit_code == Exit.OK, result.stderr
    asyncio.run(log_in(postgres, "from a file"))


async def log_in(postgres: PostgresServer, password: str) -> None:
    login: dict[str, Any] = {"host": "127.0.0.1", "port": postgres.port, "user": "hr", "database": "hr"}
    await (await asyncpg.connect(**login, password=password)).close()


def test_a_missing_address_is_named(kafka: str) -> None:
    result = CliRunner().invoke(app, ["provision", "--bootstrap-servers", kafka], env=PASSWORDS)
    assert result.exit_code == Exit.FAILED
    assert "BACKOFFICE_ADMIN_DATABASE_URL" in result.stderr
