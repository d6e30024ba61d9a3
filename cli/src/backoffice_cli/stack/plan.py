"""What one clone's stack is made of: its ports, passwords and clients, drawn once and kept private."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.databases import ServiceDatabase
from backoffice_cli.stack.paths import write_whole
from backoffice_cli.stack.ports import draw_ports, is_free

ROLES = ("front-office", "operations", "finance", "compliance-officer", "hr", "auditor", "sre")
PEOPLE_PER_ROLE = 2  # four eyes need two people of one role
SERVERS = ("kafka", "kafka-controller", "postgres", "issuer")


@dataclass(frozen=True, slots=True)
class Client:
    """One person's credentials at the local issuer, in one role."""

    client_id: str
    secret: str
    subject: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Ports by component, the database superuser's password, two passwords by service, clients of the issuer."""

    ports: dict[str, int]
    admin_password: str
    owner_passwords: dict[str, str]
    passwords: dict[str, str]
    clients: tuple[Client, ...]

    def database(self, package: str) -> ServiceDatabase:
        """Return the database of a service, by its package's name."""
        owner, password = self.owner_passwords[package], self.passwords[package]
        return ServiceDatabase(package, owner, password, self.ports["postgres"])

    def client(self, role: str, person: int = 1) -> Client:
        """Return the credentials of the first or second person of a role."""
        return next(client for client in self.clients if client.client_id == client_id(role, person))


def client_id(role: str, person: int) -> str:
    """Return the client id of a role's first, second… person."""
    return f"{role}-{person}"


def read_plan(folder: Path) -> Plan | None:
    """Return the plan of a state folder, None when there is none yet."""
    try:
        found = json.loads((folder / "plan.json").read_text())
    except FileNotFoundError:
        return None
    clients = tuple(Client(**{**client, "roles": tuple(client["roles"])}) for client in found.pop("clients"))
    return Plan(**found, clients=clients)


def settle_plan(folder: Path) -> Plan:
    """Return the folder's plan, with another port for each that somebody else has taken meanwhile."""
    known = read_plan(folder)
    names = [*SERVERS, *(service.name for service in SERVICES)]
    ports = {name: port for name, port in (known.ports if known else {}).items() if is_free(port)}
    missing = [name for name in names if name not in ports]
    ports.update(zip(missing, draw_ports(len(missing)), strict=True))
    plan = _with_ports(known, ports) if known else _new_plan(ports)
    write_whole(folder / "plan.json", json.dumps(asdict(plan), indent=1), 0o600)
    clients = {
        c.client_id: {"secret": c.secret, "subject": c.subject, "roles": c.roles} for c in plan.clients
    }
    write_whole(folder / "issuer" / "clients.json", json.dumps(clients, indent=1), 0o600)
    return plan


def _with_ports(plan: Plan, ports: dict[str, int]) -> Plan:
    return Plan(ports, plan.admin_password, plan.owner_passwords, plan.passwords, plan.clients)


def _new_plan(ports: dict[str, int]) -> Plan:
    packages = [service.package for service in SERVICES]
    people = [(role, person) for role in ROLES for person in range(1, PEOPLE_PER_ROLE + 1)]
    return Plan(
        ports=ports,
        admin_password=secrets.token_urlsafe(24),
        owner_passwords={package: secrets.token_urlsafe(24) for package in packages},
        passwords={package: secrets.token_urlsafe(24) for package in packages},
        clients=tuple(
            Client(client_id(role, person), secrets.token_urlsafe(24), client_id(role, person), (role,))
            for role, person in people
        ),
    )
