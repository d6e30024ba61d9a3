"""Who leads in a cluster of brokers, and moving a partition's leadership."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, for_code

from backoffice_cli.chaos.leader_requests import TIMEOUT_MS, DescribeQuorum, Elect, Reassign

T = TypeVar("T")

_TRIES: Final = 20
_BETWEEN_TRIES_SECONDS: Final = 0.25
_ELECTION_NOT_NEEDED: Final = 84


@dataclass(frozen=True, slots=True)
class Led:
    """A partition: who leads it and who has a copy, by node number; those in sync could lead."""

    topic: str
    partition: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: frozenset[int]


class Leaders:
    """A cluster as its admin client sees it."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    @classmethod
    @asynccontextmanager
    async def of(cls, bootstrap_servers: str) -> "AsyncIterator[Leaders]":
        """Connect. Raises KafkaError when no broker answers."""
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=TIMEOUT_MS)
        await admin.start()
        try:
            yield cls(admin)
        finally:
            await admin.close()

    async def partitions(self, topic: str) -> list[Led]:
        """Return a topic's partitions, as the brokers know them now."""
        (described,) = await _from_any(lambda: self._admin.describe_topics([topic]))
        return [
            Led(topic, each["partition"], each["leader"], tuple(each["replicas"]), frozenset(each["isr"]))
            for each in described["partitions"]
        ]

    async def controller(self) -> int:
        """Return the node that is the active controller; cluster metadata name any broker in its stead."""
        answer = await self._ask(DescribeQuorum())
        (topic,) = answer.topics
        (partition,) = topic[1]
        _raise_for(partition[1])
        leader: int = partition[2]
        return leader

    async def move(self, led: Led, to: int) -> None:
        """Make a node that has a copy the partition's preferred leader, and elect it. Raises KafkaError if refused."""
        replicas = [to, *(node for node in led.replicas if node != to)]
        answer = await self._ask(Reassign(led.topic, led.partition, replicas))
        _raise_for(answer.error_code)
        _raise_for(answer.responses[0][1][0][1])
        answer = await self._ask(Elect(led.topic, led.partition))
        _raise_for(answer.error_code)
        for _, results in answer.replica_election_results:
            for _, code, _ in results:
                if code != _ELECTION_NOT_NEEDED:
                    _raise_for(code)

    async def _ask(self, request: Any) -> Any:
        # the one door for requests that the client has no method for
        return await _from_any(lambda: self._admin._send_request(request))


async def _from_any(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again where the broker that was chosen is down: the client takes any, and knows no better at first."""
    for _ in range(_TRIES - 1):
        try:
            return await ask()
        except (NodeNotReadyError, KafkaConnectionError):
            await asyncio.sleep(_BETWEEN_TRIES_SECONDS)
    return await ask()


def _raise_for(code: int) -> None:
    if code:
        raise for_code(code)
