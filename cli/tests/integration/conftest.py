"""A whole embedded stack of a test's own."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice_cli.chaos.fault import Need, Shape
from backoffice_cli.chaos.front_office import FrontOffice
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.platform import Stack
from backoffice_cli.stack import disk
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.control import bring_down, bring_up, delete_data
from backoffice_cli.stack.topology import Topology, choose

DATABASE_DISK_MB = 512


@pytest.fixture(scope="module")
def stack_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a state folder whose path holds a space; whatever runs on it is stopped in the end."""
    place = tmp_path_factory.mktemp("a clone") / ".backoffice"
    yield place
    bring_down(place)
    delete_data(place)


@pytest.fixture(scope="module")
def stage(stack_folder: Path) -> Iterator[Stage]:
    """Return what faults act on: a cluster and a database behind proxies, without the services."""
    disk_mb = DATABASE_DISK_MB if disk.may_mount() else 0
    choose(stack_folder, Topology(brokers=3, proxied=True, database_disk_mb=disk_mb))
    bring_up(stack_folder, print, servers_only=True)
    platform = Stack.running(stack_folder)
    shape = Shape(tuple(service.name for service in SERVICES), frozenset(Need))
    with FrontOffice(platform.bootstrap_servers, stack_folder / "record") as front_office:
        yield Stage(platform, shape, front_office, random.Random(1), print)
