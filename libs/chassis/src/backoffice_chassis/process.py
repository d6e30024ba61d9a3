"""The process: `python -m <package>.main all|api|worker|migrate|replay|keys`."""

import asyncio
import sys
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from backoffice_chassis import logs
from backoffice_chassis.runtime import serve
from backoffice_chassis.secrecy import command as keys
from backoffice_chassis.service import Service

log = structlog.get_logger(__name__)

_USAGE = """usage: python -m <package>.main all|api|worker|migrate|replay|keys

all      HTTP API, event consumers and outbox relay in one process
api      HTTP API alone
worker   event consumers, outbox relay and periodic jobs; health and metrics on its port
migrate  bring the database to the newest schema and leave
replay   rebuild what a consumer (replay GROUP) keeps from its topics, beside the live tables, and compare; JSON on
         standard output; exit code 1 on a difference, 2 when it cannot be rebuilt
keys     of encrypted fields; JSON on standard output; exit code 1 when something remains to be done, 2 on a key that
         is missing. keys status: how things stand. keys encrypt: what still stands in clear, once no older release
         runs. keys rotate: wrap data keys by the first of BACKOFFICE_FIELD_KEYS. keys renew: make new data keys and
         encrypt everything under them
"""


_ARGUMENTS = {"all": 0, "api": 0, "worker": 0, "migrate": 0, "replay": 1, "keys": 1}


def run(build: Callable[[], Service]) -> None:
    """Run what the command line names until SIGTERM. Exit code 2: wrong usage or settings."""
    command, *arguments = sys.argv[1:] or [""]
    if command not in _ARGUMENTS or len(arguments) != _ARGUMENTS[command]:
        raise SystemExit(_USAGE) if command in {"-h", "--help"} else _wrong(_USAGE)
    if command == "keys" and arguments[0] not in keys.VERBS:
        raise _wrong(_USAGE)
    try:
        service = build()
    except ValidationError as error:
        raise _wrong(_explain(error)) from None
    logs.configure(service.name, service.settings)
    if command == "migrate":
        _migrate(service)
    elif command == "replay":
        raise SystemExit(_replay(service, arguments[0]))
    elif command == "keys":
        _require(service.settings.required_field_keys)
        raise SystemExit(keys.main(service, arguments[0]))
    else:
        _require(service.settings.required_audit_key)
        _require(service.settings.required_field_keys)
        asyncio.run(serve(service, api=command != "worker", worker=command != "api"))


def _migrate(service: Service) -> None:
    from backoffice_chassis import migrations  # noqa: PLC0415  Alembic: 9 MB that no service needs while it runs

    settings = service.settings
    migrations.upgrade(service.migrations, settings.migration_database_url or settings.database_url)
    log.info("database is at the newest schema")


def _replay(service: Service, group: str) -> int:
    from backoffice_chassis.replay import command  # noqa: PLC0415  migrates its own schema: as above

    return command.main(service, group)


def _require(setting: Callable[[], str]) -> None:
    try:
        setting()
    except ValueError as error:
        raise _wrong(f"Settings are missing or wrong:\n  {error}") from None


def _wrong(message: str) -> SystemExit:
    sys.stderr.write(message if message.endswith("\n") else f"{message}\n")
    return SystemExit(2)


def _explain(error: ValidationError) -> str:
    """Say which environment variables are wrong, without the values: some are secret."""
    lines = [
        f"  BACKOFFICE_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors() if each["loc"]
    ]
    return "\n".join(["Settings are missing or wrong:", *lines])
