"""Kafka's topics and users as `deploy/kafka/access.yaml` declares them, and the ACLs that follow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import repository_root
from backoffice_events.messaging.dead_letters import topic_of

EVERY = "*"


class ResourceType(StrEnum):
    """What an ACL is about, in Kafka's words."""

    TOPIC = "TOPIC"
    GROUP = "GROUP"


class Operation(StrEnum):
    """What an ACL allows, in Kafka's words. READ and WRITE imply DESCRIBE."""

    READ = "READ"
    WRITE = "WRITE"
    DESCRIBE = "DESCRIBE"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is to be created."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class User:
    """A principal and what it may do. The fields are the file's; it says what they mean."""

    name: str
    consumers: Mapping[str, Sequence[str]]
    read: Sequence[str]
    write: Sequence[str]
    groups: Sequence[str]
    watch: bool

    @property
    def dead_letter_topics(self) -> tuple[str, ...]:
        """The topics that take what its consumers refuse."""
        return tuple(topic_of(topic, group) for group, topics in self.consumers.items() for topic in topics)


@dataclass(frozen=True, slots=True, order=True)
class AclBinding:
    """One thing that a user may do, from any host. pattern: always a literal; a name of `*` is every resource."""

    user: str
    resource: ResourceType
    name: str
    operation: Operation
    pattern: str = "LITERAL"


@dataclass(frozen=True, slots=True)
class Access:
    """The whole file. topics: the dead-letter topics of every consumer included."""

    topics: tuple[Topic, ...]
    users: tuple[User, ...]

    def bindings(self) -> list[AclBinding]:
        """Return every ACL, each once, by user."""
        return sorted({binding for user in self.users for binding in _bindings(user)})


class _TopicEntry(msgspec.Struct, forbid_unknown_fields=True):
    partitions: int
    config: dict[str, str]


class _UserEntry(msgspec.Struct, forbid_unknown_fields=True):
    consumers: dict[str, list[str]] = {}
    read: list[str] = []
    write: list[str] = []
    groups: list[str] = []
    watch: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    topics: dict[str, _TopicEntry]
    dead_letters: _TopicEntry
    users: dict[str, _UserEntry]


def access_file() -> Path:
    """Return where the declaration lies."""
    return repository_root() / "deploy/kafka/access.yaml"


def load(path: Path | None = None) -> Access:
    """Read the declaration. Raises StackError when it cannot be read."""
    path = path or access_file()
    try:
        found = msgspec.yaml.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError) as error:
        raise StackError(f"{path}: {error}", "Take the file as the release ships it.") from error
    users = tuple(_user(name, entry) for name, entry in found.users.items())
    declared = {name: _topic(name, entry) for name, entry in found.topics.items()}
    letters = {name: _topic(name, found.dead_letters) for user in users for name in user.dead_letter_topics}
    return Access(tuple({**declared, **letters}.values()), users)


def _topic(name: str, entry: _TopicEntry) -> Topic:
    return Topic(name, entry.partitions, entry.config)


def _user(name: str, entry: _UserEntry) -> User:
    return User(name, **msgspec.structs.asdict(entry))


def _bindings(user: User) -> Iterator[AclBinding]:
    topics: dict[Operation, list[str]] = {
        Operation.READ: [*user.read, *(topic for each in user.consumers.values() for topic in each)],
        Operation.WRITE: [*user.write, *user.dead_letter_topics],
        Operation.DESCRIBE: [EVERY] * user.watch,
    }
    groups: dict[Operation, list[str]] = {
        Operation.READ: [*user.groups, *user.consumers],
        Operation.DESCRIBE: [EVERY] * user.watch,
    }
    for resource, allowed in ((ResourceType.TOPIC, topics), (ResourceType.GROUP, groups)):
        for operation, names in allowed.items():
            yield from (AclBinding(user.name, resource, name, operation) for name in names)
