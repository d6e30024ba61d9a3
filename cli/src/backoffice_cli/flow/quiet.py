"""Whether anything is still on its way through the platform."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import httpx
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families

from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError
from backoffice_events.brokers import Brokers
from backoffice_events.kafka_consumer import KafkaConsumer

_POLL_SECONDS = 1.0
_CONSUMED = "messaging_client_consumed_messages"
_GROUP = "messaging_consumer_group_name"


def consumed(platform: Platform) -> Counter[str]:
    """Return how many events took effect so far, by consumer group. A service that does not answer counts nothing."""
    counts: Counter[str] = Counter()
    for service in platform.services:
        try:
            page = httpx.get(f"{platform.url(service)}/metrics", timeout=10, trust_env=False).text
        except httpx.HTTPError:
            continue
        lines = "\n".join(line for line in page.splitlines() if line.startswith(_CONSUMED))
        for family in text_string_to_metric_families(lines + "\n"):
            counts.update({sample.labels[_GROUP]: int(sample.value) for sample in family.samples})
    return counts


def outbox_pending(platform: Platform) -> int:
    """Return how many events the services have yet to publish. Raises httpx.HTTPError when one cannot tell."""
    pending = 0
    for service in platform.services:
        with platform.client(service, "sre") as client:
            pending += int(client.get("/messaging/status").raise_for_status().json()["outbox_pending"])
    return pending


async def lag(brokers: Brokers) -> int:
    """Return how many records all consumer groups together have yet to read: the services' and the simulators'."""
    admin = AIOKafkaAdminClient(**brokers.options())
    consumer = KafkaConsumer(**brokers.options())
    await asyncio.gather(admin.start(), consumer.start())
    try:
        groups = [group for group, _ in await admin.list_consumer_groups()]
        committed = [await admin.list_consumer_group_offsets(group) for group in groups]
        ends = await consumer.end_offsets(list({partition for known in committed for partition in known}))
        return sum(
            max(0, ends[partition] - position.offset)
            for known in committed
            for partition, position in known.items()
        )
    finally:
        await asyncio.gather(admin.close(), consumer.stop())


class Quiet:
    """Waits until no consumer and no simulator lags, no outbox holds anything, and nothing took effect for a while."""

    def __init__(
        self,
        platform: Platform,
        on_progress: Callable[[Counter[str]], None],
        *,
        poll_seconds: float = _POLL_SECONDS,
    ) -> None:
        self._platform = platform
        self._on_progress = on_progress
        self._poll_seconds = poll_seconds

    def wait(self, *, still_for: float, at_most: float, busy: Callable[[], bool] = lambda: False) -> None:
        """Return once nothing moved for `still_for` seconds while not `busy`; StackError after `at_most`."""
        deadline = time.monotonic() + at_most
        seen, since = consumed(self._platform), time.monotonic()
        while time.monotonic() < deadline:
            self._on_progress(seen)
            time.sleep(self._poll_seconds)
            now = consumed(self._platform)
            if busy() or now != seen:
                seen, since = now, time.monotonic()
            elif (
                time.monotonic() - since >= still_for
                and self._is_drained()
                and consumed(self._platform) == now
            ):
                return
        raise StackError(
            f"Events were still on their way after {at_most:.0f} s.",
            "See: backoffice status, backoffice logs",
        )

    def _is_drained(self) -> bool:
        """A service or broker that does not answer at the moment may have anything."""
        try:
            return not outbox_pending(self._platform) and not asyncio.run(lag(self._platform.brokers))
        except (httpx.HTTPError, KafkaError):
            return False
