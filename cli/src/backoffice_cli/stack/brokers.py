"""The brokers of a stack: one, or three that copy one another."""

import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from backoffice_cli.stack.kafka import Kafka, Proxied
from backoffice_cli.stack.paths import write_whole
from backoffice_cli.stack.plan import Plan


def brokers(plan: Plan, folder: Path) -> list[Kafka]:
    """Describe the brokers of a state folder; each has a folder of its own in it."""
    names = plan.topology.broker_names
    voters = {node: plan.ports[f"{name}-controller"] for node, name in enumerate(names, 1)}
    cluster_id = _kept_cluster_id(folder / "kafka" / "cluster-id")
    return [
        Kafka(
            folder=_place(folder, name),
            port=plan.ports[name],
            controller_port=voters[node],
            log=folder / "logs" / f"{name}.log",
            cluster_id=cluster_id,
            node=node,
            voters=voters,
            proxied=_proxied(plan, name),
        )
        for node, name in enumerate(names, 1)
    ]


def _place(folder: Path, name: str) -> Path:
    """A single broker has the whole folder `kafka`, those of a cluster a part of it each."""
    return folder / "kafka" if name == "kafka" else folder / "kafka" / name


def _proxied(plan: Plan, name: str) -> Proxied | None:
    if not plan.topology.proxied:
        return None
    return Proxied(plan.ports[f"{name}-behind-proxy"], plan.ports[f"{name}-proxy"])


def _kept_cluster_id(file: Path) -> str:
    """Return the id that all brokers of the folder are formatted with, drawn once."""
    if not file.exists():
        write_whole(file, new_cluster_id())
    return file.read_text()


def new_cluster_id() -> str:
    """Return a new KRaft cluster id; one that begins with a dash would be taken for an option."""
    text = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return new_cluster_id() if text.startswith("-") else text
