"""Publishes the scenario at the pace asked for."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from itertools import islice

import structlog

from backoffice_events.brokers import Brokers
from backoffice_events.publisher import Publisher
from backoffice_events.records import Record
from simulators.front_office.bad_data import BAD_DATA
from simulators.front_office.coupons import read_bonds
from simulators.front_office.desk import Desk
from simulators.front_office.record import OwnRecord
from simulators.front_office.scenario import Act, Rates, play
from simulators.front_office.settings import FrontOfficeSettings
from simulators.front_office.tape import read_tape
from simulators.market import MARKET_TOPICS, Market
from simulators.topics import decoded, reading, until_now

log = structlog.get_logger(__name__)

SOURCE = "urn:frontoffice:simulator"
_STEP_SECONDS = 0.1
_MOST_AT_ONCE = 500


async def replay(settings: FrontOfficeSettings, brokers: Brokers, stop: asyncio.Event) -> int:
    """Publish until the tape ends or `stop` is set; return how many records the broker took."""
    market = await known_market(brokers)
    acts = scenario(settings, market)
    record = OwnRecord(settings.record)
    published = 0
    try:
        async with Publisher(brokers=brokers, source=SOURCE) as publisher:
            async for batch in _paced(acts, settings.rate, stop):
                await publisher.send([_record(publisher, act) for act in batch])
                record.write(batch)
                published += len(batch)
    finally:
        record.close()
    return published


def scenario(settings: FrontOfficeSettings, market: Market) -> Iterator[Act]:
    """Return all that is going to be published."""
    draw = random.Random(settings.seed)
    desk = Desk(
        market, draw, read_bonds(settings.data), counterparties=settings.counterparties, run=settings.run
    )
    rates = Rates(
        amends=settings.amends,
        amends_again=settings.amends_again,
        busts=settings.busts,
        resends=settings.resends,
        conflicting_resends=settings.conflicting_resends,
        bad_data=settings.bad_data,
        fat_fingers=settings.fat_fingers,
        leavers=settings.leavers,
    )
    return play(read_tape(settings.data, settings.trades), desk, rates, draw)


async def known_market(brokers: Brokers) -> Market:
    """Return what the reference topics say now."""
    market = Market()
    async with reading(brokers, MARKET_TOPICS) as consumer:
        async for records in until_now(consumer):
            for received in decoded(records):
                market.learn(received.event)
    return market


def _record(publisher: Publisher, act: Act) -> Record:
    record = publisher.record(act.report, event_id=act.event_id)
    return BAD_DATA[act.broken](record) if act.broken else record


async def _paced(acts: Iterator[Act], rate: int, stop: asyncio.Event) -> AsyncIterator[list[Act]]:
    """Yield acts in batches: `rate` a second since the first one, or as fast as they are taken when it is 0."""
    started, sent = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - started) * rate) + 1 - sent if rate else _MOST_AT_ONCE
        batch = list(islice(acts, max(0, min(due, _MOST_AT_ONCE))))
        if batch:
            yield batch
            sent += len(batch)
        elif due > 0:
            return
        if rate:
            await asyncio.sleep(_STEP_SECONDS)
