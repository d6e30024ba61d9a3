"""Kafka's users and their ACLs, made to be what is declared.

aiokafka has neither request, so this is the one place that speaks through librdkafka.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka import admin as kafka

from backoffice_cli.provisioning.access import AclBinding
from backoffice_cli.stack.errors import StackError
from backoffice_events.brokers import Brokers

ITERATIONS: Final = 8192
TIMEOUT_SECONDS: Final = 30
POLL_SECONDS: Final = 0.1
ANY_HOST: Final = "*"


def set_users(brokers: Brokers, passwords: Mapping[str, str], bindings: Sequence[AclBinding]) -> None:
    """Give each user its SCRAM-SHA-512 password and exactly these ACLs; users that are not named stay as they are.

    Raises StackError when the cluster does not answer or refuses: this takes its administrator.
    """
    client = kafka.AdminClient(_options(brokers))
    try:
        _set_passwords(client, passwords)
        _set_acls(client, [*passwords], {_acl(binding) for binding in bindings})
    except KafkaException as error:
        why = error.args[0].name()
        raise StackError(f"Kafka's users could not be set: {why}", "Sign in as its administrator.") from error


def _options(brokers: Brokers) -> dict[str, Any]:
    told = {
        "bootstrap.servers": brokers.bootstrap_servers,
        "security.protocol": brokers.security_protocol.value,
        "sasl.mechanisms": brokers.mechanism.value,
        "sasl.username": brokers.user,
        "sasl.password": brokers.password,
        "ssl.ca.location": brokers.ca_file and str(brokers.ca_file),
    }
    quiet = {"log_level": 2}  # what goes wrong is said by an exception
    return {**{name: value for name, value in told.items() if value}, **quiet}


def _set_passwords(client: kafka.AdminClient, passwords: Mapping[str, str]) -> None:
    info = kafka.ScramCredentialInfo(kafka.ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    wanted: list[kafka.UserScramCredentialAlteration] = [
        kafka.UserScramCredentialUpsertion(user, info, password.encode())
        for user, password in passwords.items()
    ]
    _wait(client.alter_user_scram_credentials(wanted, request_timeout=TIMEOUT_SECONDS).values())


def _set_acls(client: kafka.AdminClient, users: Sequence[str], wanted: set[kafka.AclBinding]) -> None:
    """Add before taking away, so that what stays allowed is allowed all the time."""
    there = _acls_of(client, users)
    if missing := wanted - there:
        _wait(client.create_acls([*missing], request_timeout=TIMEOUT_SECONDS).values())
    if surplus := there - wanted:
        filters = [_exactly(acl) for acl in surplus]
        _wait(client.delete_acls(filters, request_timeout=TIMEOUT_SECONDS).values())
    _wait_until_known(client, users, wanted)


def _wait_until_known(client: kafka.AdminClient, users: Sequence[str], wanted: set[kafka.AclBinding]) -> None:
    """Return once the broker that answers goes by them: it hears of them a moment after the controller took them."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while _acls_of(client, users) != wanted:
        if time.monotonic() > deadline:
            raise StackError("The broker does not go by its new ACLs yet.", "Run it again.")
        time.sleep(POLL_SECONDS)


def _acls_of(client: kafka.AdminClient, users: Sequence[str]) -> set[kafka.AclBinding]:
    return {acl for user in users for acl in _described(client, user)}


def _described(client: kafka.AdminClient, user: str) -> list[kafka.AclBinding]:
    every = kafka.AclBindingFilter(
        kafka.ResourceType.ANY,
        None,  # type: ignore[arg-type]  # any name; typed as if there were none such
        kafka.ResourcePatternType.ANY,
        _principal(user),
        None,  # type: ignore[arg-type]  # any host
        kafka.AclOperation.ANY,
        kafka.AclPermissionType.ANY,
    )
    found: list[kafka.AclBinding] = client.describe_acls(every, request_timeout=TIMEOUT_SECONDS).result()
    return found


def _acl(binding: AclBinding) -> kafka.AclBinding:
    return kafka.AclBinding(
        kafka.ResourceType[binding.resource],
        binding.name,
        kafka.ResourcePatternType[binding.pattern],
        _principal(binding.user),
        ANY_HOST,
        kafka.AclOperation[binding.operation],
        kafka.AclPermissionType.ALLOW,
    )


def _exactly(acl: kafka.AclBinding) -> kafka.AclBindingFilter:
    return kafka.AclBindingFilter(
        acl.restype,
        acl.name,
        acl.resource_pattern_type,
        acl.principal,
        acl.host,
        acl.operation,
        acl.permission_type,
    )


def _principal(user: str) -> str:
    return f"User:{user}"


def _wait(futures: Iterable[Future[Any]]) -> None:
    """Wait for each. Raises KafkaException for the first that failed."""
    for future in futures:
        future.result()
