"""What one clone's stack is made of: its ports, passwords and clients, drawn once and kept private."""

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from backoffice_chassis.key_text import new_key_ring, new_seed
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.databases import ServiceDatabase
from backoffice_cli.stack.paths import write_whole
from backoffice_cli.stack.ports import LOOPBACK, draw_ports, is_free
from backoffice_cli.stack.topology import USUAL, Topology, chosen

ROLES = ("front-office", "operations", "finance", "compliance-officer", "hr", "auditor", "sre")
PEOPLE_PER_ROLE = 2  # four eyes need two people of one role


@dataclass(frozen=True, slots=True)
class Client:
    """One person's credentials at the local issuer, in one role."""

    client_id: str
    secret: str
    subject: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Ports by component, the database superuser's password, two passwords, the key of the audit log
    and the keys of encrypted fields by service, the keys of events, clients of the issuer.

    topology: what the ports are drawn for.
    """

    ports: dict[str, int]
    admin_password: str
    owner_passwords: dict[str, str]
    passwords: dict[str, str]
    clients: tuple[Client, ...]
    topology: Topology = USUAL
    audit_keys: dict[str, str] = field(default_factory=dict)
    field_keys: dict[str, str] = field(default_factory=dict)
    event_keys: str = ""

    @property
    def bootstrap_servers(self) -> str:
        """Return the brokers' own addresses: those of tools that look on."""
        return self._addresses(self.topology.broker_names)

    @property
    def clients_bootstrap_servers(self) -> str:
        """Return what the platform's processes are told: the brokers, or the proxies before them."""
        if not self.topology.proxied:
            return self.bootstrap_servers
        return self._addresses([f"{name}-proxy" for name in self.topology.broker_names])

    def _addresses(self, names: Iterable[str]) -> str:
        return ",".join(f"{LOOPBACK}:{self.ports[name]}" for name in names)

    def service_database(self, package: str) -> ServiceDatabase:
        """Return the database of a service as that service reaches it: itself, or the proxy before it."""
        database = self.database(package)
        return replace(database, port=self.ports["postgres-proxy"]) if self.topology.proxied else database

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
    topology = Topology(**found.pop("topology", {}))
    return Plan(**found, clients=clients, topology=topology)


def settle_plan(folder: Path) -> Plan:
    """Return the folder's plan, with another port for each that somebody else has taken meanwhile."""
    known = read_plan(folder)
    topology = chosen(folder)
    names = [*topology.ports, *(service.name for service in SERVICES)]
    ports = {name: port for name, port in (known.ports if known else {}).items() if is_free(port)}
    missing = [name for name in names if name not in ports]
    ports.update(zip(missing, draw_ports(len(missing)), strict=True))
    plan = replace(known, ports=ports) if known else _new_plan(ports, topology)
    plan = replace(
        plan,
        audit_keys={**_for_each_service(new_seed), **plan.audit_keys},
        field_keys={**_for_each_service(new_key_ring), **plan.field_keys},
        event_keys=plan.event_keys or new_key_ring(),
    )
    write_whole(folder / "plan.json", json.dumps(asdict(plan), indent=1), 0o600)
    clients = {
        c.client_id: {"secret": c.secret, "subject": c.subject, "roles": c.roles} for c in plan.clients
    }
    write_whole(folder / "issuer" / "clients.json", json.dumps(clients, indent=1), 0o600)
    return plan


def _for_each_service(make: Callable[[], str]) -> dict[str, str]:
    return {service.package: make() for service in SERVICES}


def _new_plan(ports: dict[str, int], topology: Topology) -> Plan:
    packages = [service.package for service in SERVICES]
    people = [(role, person) for role in ROLES for person in range(1, PEOPLE_PER_ROLE + 1)]
    return Plan(
        ports=ports,
        topology=topology,
        admin_password=secrets.token_urlsafe(24),
        owner_passwords={package: secrets.token_urlsafe(24) for package in packages},
        passwords={package: secrets.token_urlsafe(24) for package in packages},
        clients=tuple(
            Client(client_id(role, person), secrets.token_urlsafe(24), client_id(role, person), (role,))
            for role, person in people
        ),
    )
