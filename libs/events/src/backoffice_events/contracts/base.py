"""How an event contract is declared: one frozen msgspec struct, bound once to its type name, topic and key."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, ClassVar, Final, TypeVar

import msgspec

_OUTSIDERS: Final = {"front-office", "counterparty", "csd"}


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic.

    name: `<domain>.<aggregate-plural>.v<major>`. owner: the service or outside party that alone publishes on it.
    compacted: the topic holds the latest state of each key for ever, so that a service can build its own copy.
    partitions: parallelism of one consumer group; per-key order holds inside a partition.
    """

    name: str
    owner: str
    compacted: bool = False
    partitions: int = 4

    @property
    def from_outside(self) -> bool:
        """Whether software other than this platform's writes on it."""
        return self.owner in _OUTSIDERS

    @property
    def read_with_care(self) -> bool:
        """Whether a JSON object that gives a name twice is looked for: not where services alone send, event by event.

        What a compacted topic holds stays for ever, and little comes on it.
        """
        return self.from_outside or self.compacted


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, with all the state a consumer needs of it. Declared with `@event`."""

    event_type: ClassVar[str]
    topic: ClassVar[Topic]
    content_type: ClassVar[str] = "application/json"
    key_fields: ClassVar[tuple[str, ...]]
    key_of: ClassVar[Callable[["Event"], str]]
    announced: ClassVar[bool] = False

    def key(self) -> str:
        """Return the aggregate's id: the Kafka key and CloudEvents subject. Parts are joined by a colon."""
        return type(self).key_of(self)


class XmlEvent(Event, frozen=True, kw_only=True):
    """An event whose value is an ISO 20022 document, carried byte for byte.

    message_id: the key: the account owner's transaction id that the whole conversation with the CSD hangs on.
    document: the XML document, UTF-8.
    """

    content_type: ClassVar[str] = "application/xml"

    message_id: Annotated[str, msgspec.Meta(max_length=140)]
    document: bytes


E = TypeVar("E", bound=type[Event])

_by_type: dict[str, type[Event]] = {}


def event(
    event_type: str, topic: Topic, key: str | tuple[str, ...], *, announced: bool = False
) -> Callable[[E], E]:
    """Bind a contract to its CloudEvents type, topic and key field(s), and enter it in the register.

    announced: it is new on a topic that older releases consume, and nobody publishes it before every consumer runs a
    release that knows it; it stays once they do.
    """

    def bind(contract: E) -> E:
        if event_type in _by_type:
            raise ValueError(f"event type {event_type} is declared twice")
        contract.event_type = event_type
        contract.topic = topic
        contract.key_fields = (key,) if isinstance(key, str) else key
        contract.key_of = _key_reader(contract.key_fields)
        contract.announced = announced
        _by_type[event_type] = contract
        return contract

    return bind


def _key_reader(fields: tuple[str, ...]) -> Callable[[Event], str]:
    """Return the function that reads a key: it is asked for twice and more in an event's life, so it is made once."""
    read = attrgetter(*fields)
    if len(fields) == 1:
        return lambda event: str(read(event))
    return lambda event: ":".join(map(str, read(event)))


def contract_of(event_type: str) -> type[Event] | None:
    """Return the contract declared for a CloudEvents type, or None when this release does not know it."""
    return _by_type.get(event_type)


def all_contracts() -> tuple[type[Event], ...]:
    """Return every declared contract, by type name."""
    return tuple(contract for _, contract in sorted(_by_type.items()))


def all_topics() -> tuple[Topic, ...]:
    """Return every topic that a contract travels on, by name."""
    return tuple(sorted({contract.topic for contract in _by_type.values()}, key=lambda topic: topic.name))
