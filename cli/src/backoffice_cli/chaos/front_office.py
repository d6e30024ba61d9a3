"""The front office of a run: publishes reports at their moments, whatever the broker does, and keeps a record."""

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from backoffice_cli.chaos.record import FrontOfficeRecord
from backoffice_cli.chaos.timeline import Due
from backoffice_events.brokers import Brokers
from backoffice_events.publisher import Publisher
from backoffice_events.records import Record
from simulators.front_office.bad_data import BAD_DATA
from simulators.front_office.scenario import Act as Report

SOURCE: Final = "urn:frontoffice:simulator"
_RETRY_SECONDS: Final = 0.5
_STEP_SECONDS: Final = 0.05
_MOST_AT_ONCE: Final = 200
_SHUFFLED_AT_ONCE: Final = 100
Kinds = Sequence[tuple[str, str | None]]


class FrontOffice:
    """Publishes in a thread of its own within this context; faults hand it more to publish.

    shuffle: while it is set, reports are held back until many are due, and leave in another order, but that of each
    trade. One batch is on its way at a time, so that the versions of a trade leave in order; a batch that the broker
    did not take is sent again, whole, until it does, as an application should.
    """

    def __init__(self, bootstrap_servers: str, record: Path) -> None:
        self._publisher = Publisher(brokers=Brokers(bootstrap_servers), source=SOURCE)
        self._record = FrontOfficeRecord(record)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="front office", daemon=True)
        self._sending = asyncio.Lock()
        self._published: list[tuple[Report, Record]] = []
        self.shuffle: random.Random | None = None

    def __enter__(self) -> "FrontOffice":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._publisher.__aexit__(None, None, None), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._record.close()

    def play(self, due: Sequence[Due]) -> "Future[None]":
        """Begin to publish each report at its moment, counted from now."""
        return asyncio.run_coroutine_threadsafe(self._play(due), self._loop)

    def publish(self, reports: Sequence[Report]) -> "Future[None]":
        """Publish reports now, in order; done once the broker has stored them."""
        return asyncio.run_coroutine_threadsafe(self._publish(reports), self._loop)

    def send(self, records: Sequence[Record], kind: str, broken: str | None = None) -> "Future[None]":
        """Send records as they are; done once the broker has stored them."""
        kinds = [(kind, broken)] * len(records)
        return asyncio.run_coroutine_threadsafe(self._send(records, kinds), self._loop)

    @property
    def published(self) -> Sequence[tuple[Report, Record]]:
        """Return all reports that the broker has stored, in order, with their records."""
        return tuple(self._published)

    async def _play(self, due: Sequence[Due]) -> None:
        began, done = time.monotonic(), 0
        while done < len(due):
            now = time.monotonic() - began
            following = due[done : done + _MOST_AT_ONCE]
            batch = [each.report for each in following if each.at <= now]
            enough = min(_SHUFFLED_AT_ONCE, len(following)) if self.shuffle else 1
            if len(batch) >= enough:
                await self._publish(shuffled(batch, self.shuffle) if self.shuffle else batch)
                done += len(batch)
            else:
                await asyncio.sleep(_STEP_SECONDS)

    async def _publish(self, reports: Sequence[Report]) -> None:
        records = [self._encoded(report) for report in reports]
        await self._send(records, [(report.mishap or "trade", report.broken) for report in reports])
        self._published.extend(zip(reports, records, strict=True))

    def _encoded(self, report: Report) -> Record:
        record = self._publisher.record(report.report, event_id=report.event_id)
        return BAD_DATA[report.broken](record) if report.broken else record

    async def _send(self, records: Sequence[Record], kinds: Kinds) -> None:
        async with self._sending:
            numbers = self._record.intend(records, kinds)
            while not await self._stored(records):  # noqa: ASYNC110  the broker tells nobody that it is back
                await asyncio.sleep(_RETRY_SECONDS)
            self._record.acknowledge(numbers)

    async def _stored(self, records: Sequence[Record]) -> bool:
        """Try once; False when the broker did not take all of it."""
        try:
            await self._publisher.send(records)
        except (KafkaError, OSError, TimeoutError):
            return False
        return True


def shuffled(reports: Sequence[Report], draw: random.Random) -> list[Report]:
    """Return reports in another order in which those of one trade stay in theirs."""
    by_trade: dict[tuple[str, str], list[Report]] = {}
    for each in reports:
        by_trade.setdefault((each.report.source_system, each.report.trade_reference), []).append(each)
    order = [trade for trade, own in by_trade.items() for _ in own]
    draw.shuffle(order)
    rest = {trade: iter(own) for trade, own in by_trade.items()}
    return [next(rest[trade]) for trade in order]
