"""On a cluster that asks who one is, each user does what deploy/kafka/access.yaml allows, and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from cryptography.hazmat.primitives import serialization

from backoffice_cli.provisioning.access import AclBinding, Operation, ResourceType, load
from backoffice_cli.provisioning.topics import create_topics
from backoffice_cli.provisioning.users import set_users
from backoffice_cli.stack import children
from backoffice_cli.stack.brokers import new_cluster_id
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.kafka import Kafka
from backoffice_cli.stack.ports import LOOPBACK, draw_ports
from backoffice_events.brokers import Brokers, SaslMechanism, SecurityProtocol
from backoffice_events.kafka import KafkaSender
from backoffice_events.kafka_consumer import KafkaConsumer
from backoffice_events.messaging import lag
from backoffice_events.records import Record

pytestmark = pytest.mark.integration

ADMIN_PASSWORD = "of-the-administrator"
ACCESS = load()
PASSWORDS = {user.name: f"password-of-{user.name}" for user in ACCESS.users}
PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
# As in docker-compose.yml, but clients come on TLS: administrators sign in by PLAIN, everybody else by SCRAM.
SECURITY = """\
listeners=CLIENT://{host}:{port},ADMIN://{host}:{admin_port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENT://{host}:{port},ADMIN://{host}:{admin_port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENT:SASL_SSL,ADMIN:SASL_PLAINTEXT
inter.broker.listener.name=ADMIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.admin.sasl.enabled.mechanisms=PLAIN
listener.name.admin.plain.sasl.jaas.config={plain} required username="admin" password="{password}" \
user_admin="{password}";
listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config={scram} required;
listener.name.client.ssl.keystore.type=PEM
listener.name.client.ssl.keystore.location={keystore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
"""


@dataclass
class SecuredKafka(Kafka):
    """A broker that lets nobody in without a name. keystore: its key and certificate (PEM)."""

    admin_port: int = 0
    keystore: Path = field(default_factory=Path)

    @property
    def administrator(self) -> Brokers:
        return Brokers(
            f"{LOOPBACK}:{self.admin_port}",
            SecurityProtocol.SASL_PLAINTEXT,
            "admin",
            ADMIN_PASSWORD,
            SaslMechanism.PLAIN,
        )

    def _settings(self) -> str:
        return super()._settings() + SECURITY.format(
            host=LOOPBACK,
            port=self.port,
            admin_port=self.admin_port,
            controller_port=self.controller_port,
            plain=PLAIN_MODULE,
            scram=SCRAM_MODULE,
            password=ADMIN_PASSWORD,
            keystore=self.keystore,
        )

    async def ready(self) -> bool:
        admin = AIOKafkaAdminClient(**self.administrator.options(), request_timeout_ms=5_000)
        try:
            await admin.start()
            await admin.find_coordinator("__ready", coordinator_type=0)
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True


@dataclass(frozen=True)
class Cluster:
    """The broker, and the authority that its certificate comes from."""

    broker: SecuredKafka
    ca_file: Path

    def as_user(self, name: str, password: str | None = None) -> Brokers:
        return Brokers(
            f"{LOOPBACK}:{self.broker.port}",
            SecurityProtocol.SASL_SSL,
            name,
            password or PASSWORDS[name],
            ca_file=self.ca_file,
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster with the topics and users that the file declares."""
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    _write_keystore(authority, folder / "server.pem")
    port, controller_port, admin_port = draw_ports(3)
    broker = SecuredKafka(
        folder / "kafka",
        port,
        controller_port,
        folder / "kafka.log",
        new_cluster_id(),
        admin_port=admin_port,
        keystore=folder / "server.pem",
    )
    try:
        asyncio.run(_start(broker))
        set_users(broker.administrator, PASSWORDS, ACCESS.bindings())
        yield Cluster(broker, folder / "ca.pem")
    finally:
        if broker.process is not None:
            children.stop([(broker.process, broker.stop_signal)])


def _write_keystore(authority: trustme.CA, path: Path) -> None:
    """Kafka wants the key in PKCS 8, the certificate behind it."""
    issued = authority.issue_cert(LOOPBACK, key_type=trustme.KeyType.RSA)
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    pem = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + b"".join(blob.bytes() for blob in issued.cert_chain_pems))


async def _start(broker: SecuredKafka) -> None:
    await broker.lock()
    formatting = broker.prepare()
    await children.succeed(formatting, "Kafka's storage could not be formatted.", broker.log)
    broker.start()
    await broker.wait_ready()
    await create_topics(broker.administrator, ACCESS.topics)


@contextlib.asynccontextmanager
async def sending(brokers: Brokers) -> AsyncIterator[KafkaSender]:
    sender = KafkaSender(brokers)
    try:
        yield sender
    finally:
        await sender.stop()


async def send(brokers: Brokers, topic: str) -> dict[int, Exception]:
    async with sending(brokers) as sender:
        return await sender.send([Record(topic, b"key", b"value", [])])


async def read_first(brokers: Brokers, topic: str, group: str | None = None) -> Any:
    consumer = KafkaConsumer(
        topic, **brokers.options(), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        record = await asyncio.wait_for(consumer.getone(), 30)
        if group:
            await consumer.commit()
        return record
    finally:
        await consumer.stop()


async def test_a_user_writes_what_it_may(cluster: Cluster) -> None:
    assert await send(cluster.as_user("hr"), "hr.employees.v1") == {}


async def test_a_user_is_refused_what_it_may_not_write(cluster: Cluster) -> None:
    (error,) = (await send(cluster.as_user("hr"), "trading.trades.v1")).values()
    assert isinstance(error, TopicAuthorizationFailedError)


async def test_a_user_reads_what_it_may_and_commits_in_its_own_group_alone(cluster: Cluster) -> None:
    assert await send(cluster.as_user("hr"), "hr.employees.v1") == {}
    compliance = cluster.as_user("compliance")
    assert (await read_first(compliance, "hr.employees.v1", "compliance.employees")).key == b"key"
    with pytest.raises(GroupAuthorizationFailedError):
        await read_first(compliance, "hr.employees.v1", "trade-capture.employees")
    with pytest.raises(TopicAuthorizationFailedError):
        await read_first(compliance, "csd.advices.v1", "compliance.trades")


async def test_the_operator_reads_everything_and_writes_nothing(cluster: Cluster) -> None:
    operator = cluster.as_user("operator")
    assert await send(cluster.as_user("hr"), "hr.employees.v1") == {}
    assert (await read_first(operator, "hr.employees.v1")).value == b"value"
    groups = await lag.group_names(operator)
    assert {each.group for each in await lag.measure(operator, dict.fromkeys(groups, ()))} == set(groups)
    with pytest.raises(ClusterAuthorizationFailedError):  # who may write nothing gets no producer's id
        await send(operator, "frontoffice.trades.v1")


@pytest.mark.parametrize(
    "stranger",
    [
        lambda cluster: cluster.as_user("hr", "a wrong password"),
        lambda cluster: cluster.as_user("nobody", "any"),
        lambda cluster: replace(cluster.as_user("hr"), security_protocol=SecurityProtocol.PLAINTEXT),
        lambda cluster: replace(cluster.as_user("hr"), ca_file=None),
    ],
    ids=[
        "a wrong password",
        "an unknown user",
        "in clear and without a name",
        "a certificate of nobody we know",
    ],
)
async def test_strangers_are_not_let_in(cluster: Cluster, stranger: Any) -> None:
    with pytest.raises(KafkaConnectionError):
        await KafkaSender(stranger(cluster)).start()


async def test_what_is_no_longer_declared_is_no_longer_allowed(cluster: Cluster) -> None:
    granted = AclBinding("hr", ResourceType.TOPIC, "trading.trades.v1", Operation.WRITE)
    administrator, hr = cluster.broker.administrator, {"hr": PASSWORDS["hr"]}
    declared = [binding for binding in ACCESS.bindings() if binding.user == "hr"]
    set_users(administrator, hr, [*declared, granted])
    assert await send(cluster.as_user("hr"), "trading.trades.v1") == {}
    set_users(administrator, hr, declared)
    assert await send(cluster.as_user("hr"), "trading.trades.v1") != {}
    assert await send(cluster.as_user("hr"), "hr.employees.v1") == {}


def test_only_the_administrator_sets_users(cluster: Cluster) -> None:
    with pytest.raises(StackError, match="could not be set: CLUSTER_AUTHORIZATION_FAILED"):
        set_users(cluster.as_user("operator"), {"hr": "another"}, [])
