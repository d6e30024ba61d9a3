"""deploy/kafka/access.yaml says what contracts and declared consumers say, and lets nobody do more."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from backoffice_cli.provisioning.access import AclBinding, Operation, ResourceType, User, load
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.errors import StackError
from backoffice_events.contracts import all_topics
from backoffice_events.messaging.retention import INBOX_RETENTION

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
ACCESS = load()
USERS = {user.name: user for user in ACCESS.users}
DEAD_LETTERS = {topic for user in ACCESS.users for topic in user.dead_letter_topics}


def asyncapi(service: str) -> dict[str, Any]:
    """Return a service's document, which `make contracts` holds to its contracts and consumers."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "services" / service / "asyncapi.yaml").read_text())
    return document


def sent(document: dict[str, Any]) -> set[str]:
    return {channel(each) for each in document["operations"].values() if each["action"] == "send"}


def consumed(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (each["bindings"]["kafka"]["groupId"]["const"], channel(each))
        for each in document["operations"].values()
        if each["action"] == "receive"
    }


def channel(operation: dict[str, Any]) -> str:
    return str(operation["channel"]["$ref"]).removeprefix("#/channels/")


def pairs(user: User) -> set[tuple[str, str]]:
    return {(group, topic) for group, topics in user.consumers.items() for topic in topics}


def test_its_topics_are_those_that_contracts_travel_on() -> None:
    declared = {topic.name: topic for topic in ACCESS.topics if topic.name not in DEAD_LETTERS}
    assert {name: each.partitions for name, each in declared.items()} == {
        topic.name: topic.partitions for topic in all_topics()
    }
    for topic in all_topics():
        policy = declared[topic.name].config["cleanup.policy"]
        assert policy == ("compact" if topic.compacted else "delete"), topic.name


def test_what_was_published_is_kept_from_its_arrival_on_whatever_its_senders_clock_says() -> None:
    assert {each.config["message.timestamp.type"] for each in ACCESS.topics} == {"LogAppendTime"}


def test_no_record_is_kept_for_as_long_as_inboxes_remember_it() -> None:
    for topic in ACCESS.topics:
        if topic.config["cleanup.policy"] == "delete":
            a_week = (
                604_800_000  # Kafka's own segment.ms; a segment goes when its newest record is past retention
            )
            longest = int(topic.config["retention.ms"]) + int(topic.config.get("segment.ms", a_week))
            assert timedelta(milliseconds=longest) <= timedelta(days=8) < INBOX_RETENTION, topic.name


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_a_service_may_do_exactly_what_it_declares(service: str) -> None:
    document, user = asyncapi(service), USERS[service]
    assert pairs(user) == consumed(document)
    assert set(user.write) == sent(document)
    assert (user.read, user.groups, user.watch) == ([], [], False)
    assert set(user.dead_letter_topics) == {name for name in document["channels"] if name.endswith(".dlq")}


def test_only_its_owner_writes_on_a_topic() -> None:
    owners = {topic.name: topic.owner for topic in all_topics()}
    outsiders = {"counterparty": "counterparties"}
    writers = [(topic, user.name) for user in ACCESS.users for topic in user.write]
    assert sorted(writers) == sorted((name, outsiders.get(owner, owner)) for name, owner in owners.items())


def test_every_name_is_a_topic_that_is_made() -> None:
    made = {topic.name for topic in ACCESS.topics} | {"*"}
    named = {b.name for b in ACCESS.bindings() if b.resource is ResourceType.TOPIC}
    assert named <= made


def test_only_tools_may_do_something_with_everything() -> None:
    assert {binding.user for binding in ACCESS.bindings() if binding.name == "*"} == {
        "operator",
        "monitoring",
    }
    tools = {(b.user, b.operation) for b in ACCESS.bindings() if b.user in {"operator", "monitoring"}}
    assert tools == {("operator", Operation.READ), ("monitoring", Operation.DESCRIBE)}


def test_a_consumer_reads_commits_and_writes_its_dead_letters() -> None:
    topic, group = "csd.advices.v1", "settlement.csd"
    expected = [
        AclBinding("settlement", ResourceType.TOPIC, topic, Operation.READ),
        AclBinding("settlement", ResourceType.GROUP, group, Operation.READ),
        AclBinding("settlement", ResourceType.TOPIC, f"{topic}.{group}.dlq", Operation.WRITE),
    ]
    assert set(expected) <= set(ACCESS.bindings())
    about = [b for b in ACCESS.bindings() if b.user == "settlement" and group in b.name]
    assert sorted(about) == sorted(expected[1:])


def test_a_word_that_the_file_does_not_know_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "deploy/kafka/access.yaml").read_text()
    changed = tmp_path / "access.yaml"
    changed.write_text(text.replace("    watch: true", "    wach: true"))
    with pytest.raises(StackError, match="wach"):
        load(changed)
