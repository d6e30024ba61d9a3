"""What the stack settles before anything starts."""

import json
import socket
import sys
from pathlib import Path

import pytest

from backoffice_cli.commands.logs import readable
from backoffice_cli.stack import holds
from backoffice_cli.stack.brokers import brokers, new_cluster_id
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.jars import Jar, ensure_jars, read_lock
from backoffice_cli.stack.plan import read_plan, settle_plan
from backoffice_cli.stack.ports import LOOPBACK, draw_ports, reserve_ports
from backoffice_cli.stack.topology import Topology, choose

pytestmark = pytest.mark.unit


def test_a_plan_stays_the_same_once_drawn(tmp_path: Path) -> None:
    assert settle_plan(tmp_path) == settle_plan(tmp_path) == read_plan(tmp_path)


def test_a_port_that_somebody_took_is_drawn_again_and_the_others_stay(tmp_path: Path) -> None:
    before = settle_plan(tmp_path)
    with socket.socket() as stranger:
        stranger.bind((LOOPBACK, before.ports["kafka"]))
        stranger.listen()
        after = settle_plan(tmp_path)
    assert after.ports.pop("kafka") != before.ports.pop("kafka")
    assert after == before


def test_ports_drawn_together_differ() -> None:
    assert len(set(draw_ports(20))) == 20


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone lets a server listen beside the holder")
def test_a_reserved_port_is_its_servers_alone_also_while_that_is_down() -> None:
    (port,) = draw_ports(1)
    (reserved,) = reserve_ports([port])
    with reserved:
        for _ in range(2):
            with socket.create_server((LOOPBACK, port)), socket.create_connection((LOOPBACK, port)):
                pass
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind((LOOPBACK, port))


def test_two_people_of_a_role_are_two_subjects_with_two_secrets(tmp_path: Path) -> None:
    first, second = (settle_plan(tmp_path).client("compliance-officer", person) for person in (1, 2))
    assert first.subject != second.subject
    assert first.secret != second.secret
    assert first.roles == second.roles == ("compliance-officer",)


def test_every_jar_of_the_lock_has_coordinates_and_a_sha_256() -> None:
    jars = read_lock()
    assert len({jar.filename for jar in jars}) == len(jars) == 45
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert Jar("org.apache.kafka", "kafka_2.13", "4.4.0", jars[-1].sha256).filename == "kafka_2.13-4.4.0.jar"


def test_a_class_path_is_always_in_the_same_order() -> None:
    assert ensure_jars() == sorted(ensure_jars())


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    drawn = [new_cluster_id() for _ in range(500)]
    assert all(len(one) == 22 and not one.startswith("-") for one in drawn)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            '{"timestamp": "12:00", "level": "info", "event": "taken", "n": 3, "key": "T1"}',
            "12:00 info taken key=T1 n=3",
        ),
        ("plain words", "plain words"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_a_structured_log_line_is_shown_in_words(line: str, shown: str) -> None:
    assert readable(line) == shown


def test_a_stack_has_one_broker_and_no_proxies_unless_chosen_otherwise(tmp_path: Path) -> None:
    plan = settle_plan(tmp_path)
    assert plan.topology == Topology(brokers=1, proxied=False, database_disk_mb=0)
    assert plan.bootstrap_servers == plan.clients_bootstrap_servers == f"{LOOPBACK}:{plan.ports['kafka']}"


def test_services_of_a_proxied_cluster_are_told_the_proxies_and_tools_the_brokers(tmp_path: Path) -> None:
    choose(tmp_path, Topology(brokers=3, proxied=True))
    plan = settle_plan(tmp_path)
    names = ("kafka-1", "kafka-2", "kafka-3")
    own, proxies = ([plan.ports[f"{name}{what}"] for name in names] for what in ("", "-proxy"))
    assert plan.bootstrap_servers == ",".join(f"{LOOPBACK}:{port}" for port in own)
    assert plan.clients_bootstrap_servers == ",".join(f"{LOOPBACK}:{port}" for port in proxies)
    assert plan.database("ledger").port == plan.ports["postgres"]
    assert plan.service_database("ledger").port == plan.ports["postgres-proxy"]


def test_brokers_of_a_cluster_have_a_folder_each_one_cluster_id_and_the_same_voters(tmp_path: Path) -> None:
    choose(tmp_path, Topology(brokers=3))
    found = brokers(settle_plan(tmp_path), tmp_path)
    assert [broker.node for broker in found] == [1, 2, 3]
    assert len({broker.folder for broker in found}) == 3
    assert len({broker.cluster_id for broker in found}) == 1
    assert {node: broker.controller_port for node, broker in enumerate(found, 1)} == dict(found[0].voters)


def test_a_topology_is_kept_once_the_plan_is_drawn(tmp_path: Path) -> None:
    choose(tmp_path, Topology(brokers=3))
    settle_plan(tmp_path)
    choose(tmp_path, Topology(brokers=3))
    with pytest.raises(StackError, match="built otherwise"):
        choose(tmp_path, Topology())


def test_a_number_of_brokers_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="not 2"):
        choose(tmp_path, Topology(brokers=2))


def test_a_plan_of_an_earlier_release_is_that_of_the_usual_topology(tmp_path: Path) -> None:
    plan = settle_plan(tmp_path)
    file = tmp_path / "plan.json"
    earlier = {name: value for name, value in json.loads(file.read_text()).items() if name != "topology"}
    file.write_text(json.dumps(earlier))
    assert read_plan(tmp_path) == plan


def test_what_is_held_stays_held_until_let_go(tmp_path: Path) -> None:
    holds.hold(tmp_path, "kafka")
    holds.hold(tmp_path, "postgres")
    assert holds.held(tmp_path) == {"kafka", "postgres"}
    holds.let_go(tmp_path, "kafka")
    assert holds.held(tmp_path) == {"postgres"}
