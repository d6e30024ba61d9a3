"""`backoffice provision`."""

import asyncio
from typing import Annotated

import asyncpg
import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from backoffice_chassis.settings import KafkaSettings
from backoffice_cli.commands.options import AsJson
from backoffice_cli.console import console, failures, print_json
from backoffice_cli.provisioning import access
from backoffice_cli.provisioning.topics import create_topics
from backoffice_cli.provisioning.users import set_users
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.databases import ServiceDatabase, provision_monitoring
from backoffice_cli.stack.databases import provision as provision_databases
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.secret_files import secret
from backoffice_events.brokers import Brokers

ADMIN_URL = "BACKOFFICE_ADMIN_DATABASE_URL"
MONITORING = "MONITORING_PASSWORD"


def provision(  # noqa: PLR0917  each is an option of the command
    bootstrap_servers: Annotated[
        str,
        typer.Option(envvar="BACKOFFICE_KAFKA_BOOTSTRAP_SERVERS", help="Kafka brokers, host:port by commas."),
    ] = "",
    admin_url: Annotated[
        str, typer.Option(help="PostgreSQL superuser's URL.", show_default=f"${ADMIN_URL}")
    ] = "",
    replication_factor: Annotated[int, typer.Option(min=1, help="Copies of each new topic.")] = 3,
    kafka_users: Annotated[
        bool, typer.Option("--kafka-users", help="Also set the passwords and ACLs of Kafka's users.")
    ] = False,
    databases_only: Annotated[
        bool, typer.Option("--databases-only", help="Leave Kafka alone: something else makes its topics.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prepare servers of your own: topics, and a database with its two roles for each service. Safe to repeat.

    Passwords come from the environment: for ledger, LEDGER_OWNER_PASSWORD (migrations) and LEDGER_PASSWORD (run time),
    or from files of those names in lower case in the folder that BACKOFFICE_SECRETS_DIR names; so may the URL. With
    --kafka-users also those of Kafka's users: for ledger, KAFKA_LEDGER_PASSWORD. How to sign in to Kafka comes from the
    settings that services have, BACKOFFICE_KAFKA_SECURITY_PROTOCOL and so on; setting users takes an administrator.
    With MONITORING_PASSWORD there is also a database role `monitoring`, which sees statistics and no service's rows.
    Exit code 1 when something is missing or a server refuses.

    Example: `backoffice provision --admin-url postgresql://postgres:…@db/postgres --bootstrap-servers kafka:9092`
    """
    with failures():
        if not (bootstrap_servers or databases_only):
            raise StackError("No brokers are named.", "Give --bootstrap-servers, or --databases-only.")
        (url,) = (
            [admin_url] if admin_url else _needed(ADMIN_URL, remedy="Name the server, or give --admin-url.")
        )
        databases = [_database(service.package) for service in SERVICES]
        declared = access.load()
        brokers = None if databases_only else _brokers(bootstrap_servers)
        topics = declared.topics if brokers else ()
        passwords = _user_passwords(declared) if brokers and kafka_users else {}
        try:
            asyncio.run(provision_databases(url, databases))
            if monitoring := secret(MONITORING):
                asyncio.run(provision_monitoring(url, monitoring))
            if brokers:
                asyncio.run(create_topics(brokers, topics, replication_factor))
        except (OSError, asyncpg.PostgresError, KafkaError) as error:
            raise StackError(
                f"{type(error).__name__}: {error}", "Check the two addresses and the password."
            ) from error
        if brokers and passwords:
            set_users(brokers, passwords, declared.bindings())
    found = {
        "databases": [database.name for database in databases],
        "topics": [topic.name for topic in topics],
        "users": [*passwords],
    }
    if as_json:
        print_json(found)
    else:
        console.print(", ".join(f"{len(names)} {kind}" for kind, names in found.items()) + " are there")


def _brokers(bootstrap_servers: str) -> Brokers:
    try:
        return KafkaSettings(kafka_bootstrap_servers=bootstrap_servers).brokers
    except ValidationError as error:
        wrong = "; ".join(f"BACKOFFICE_{str(one['loc'][0]).upper()} {one['msg']}" for one in error.errors())
        raise StackError(
            f"Kafka's settings are wrong: {wrong}", "Set them as the services have them."
        ) from error


def _user_passwords(declared: access.Access) -> dict[str, str]:
    names = {user.name: f"KAFKA_{user.name.upper().replace('-', '_')}_PASSWORD" for user in declared.users}
    return dict(zip(names, _needed(*names.values(), remedy="Set a password for each user."), strict=True))


def _database(package: str) -> ServiceDatabase:
    names = (f"{package.upper()}_OWNER_PASSWORD", f"{package.upper()}_PASSWORD")
    owner_password, password = _needed(*names, remedy="Set a password for each role.")
    return ServiceDatabase(package, owner_password, password)


def _needed(*names: str, remedy: str) -> list[str]:
    values = {name: secret(name) for name in names}
    if missing := [name for name, value in values.items() if value is None]:
        raise StackError(f"The environment lacks {' and '.join(missing)}.", remedy)
    return [value for value in values.values() if value is not None]
