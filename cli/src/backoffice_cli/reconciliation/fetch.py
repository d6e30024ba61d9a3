"""Fetches all sides through the services' public APIs and the front office's topic, side by side."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import partial
from typing import Any, Generic, TypeVar

import httpx
import msgspec

from backoffice_cli.platform import TIMEOUT_SECONDS, Platform, body_of
from backoffice_cli.reconciliation.per_trade import last_instruction
from backoffice_cli.reconciliation.records import (
    Booked,
    Captured,
    ConfirmationDifference,
    DeadLetter,
    Decision,
    Instruction,
    LedgerControls,
    Messaging,
    Position,
    Repair,
    Settled,
    SettledTotal,
    Settlement,
    Snapshot,
)
from backoffice_cli.reconciliation.topic import read_published

PAGE = 1000
ROLE = "auditor"
_AT_ONCE = 8
_TRIES = 4
_TOTALS_SECONDS = 3600
"""The most that a service may be given to add up whole tables: `BACKOFFICE_REPORT_TIMEOUT_SECONDS` says how much."""

T = TypeVar("T")


class _Page(msgspec.Struct, Generic[T]):
    items: list[T]
    next_cursor: str | None = None


class _Totals(msgspec.Struct):
    settled: list[SettledTotal]
    confirmation_differences: list[ConfirmationDifference]


class _Story(msgspec.Struct):
    instructions: list[Instruction]


async def fetch(platform: Platform) -> Snapshot:
    """Return what all sides say now. Raises StackError or HTTPError when one of them does not answer."""
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(platform.async_client(name, ROLE))
            for name in platform.services
        }
        snapshot = await _sides(platform, clients)
        snapshot.settled = await _settled_in_all(clients["settlement"], snapshot)
    return snapshot


async def _sides(platform: Platform, clients: dict[str, httpx.AsyncClient]) -> Snapshot:
    capture, settlement, ledger = (clients[name] for name in ("trade-capture", "settlement", "ledger"))
    start = asyncio.create_task
    published = start(read_published(platform.brokers))
    captured = start(every(capture, "/control/trades", Captured))
    repairs = start(every(capture, "/control/repairs", Repair))
    dead_letters = start(every(capture, "/messaging/dead-letters", DeadLetter))
    decisions = start(every(clients["compliance"], "/decisions", Decision, latest="true"))
    settlements = start(every(settlement, "/settlements", Settlement))
    totals = start(one(settlement, "/control-totals", _Totals, _TOTALS_SECONDS))
    booked = start(every(ledger, "/trades", Booked))
    positions = start(every(ledger, "/positions", Position))
    controls = start(one(ledger, "/control-totals", LedgerControls, _TOTALS_SECONDS))
    messaging = {name: start(one(client, "/messaging/status", Messaging)) for name, client in clients.items()}
    services = (captured, repairs, dead_letters, decisions, settlements, totals, booked, positions, controls)
    await asyncio.gather(published, *services, *messaging.values())
    return Snapshot(
        published=published.result(),
        captured=captured.result(),
        repairs=repairs.result(),
        dead_letters=dead_letters.result(),
        decisions=decisions.result(),
        settlements=settlements.result(),
        settled_totals=totals.result().settled,
        confirmation_differences=totals.result().confirmation_differences,
        booked=booked.result(),
        positions=positions.result(),
        controls=controls.result(),
        messaging={name: status.result() for name, status in messaging.items()},
    )


async def every(client: httpx.AsyncClient, path: str, item: type[T], **filters: str) -> list[T]:
    """Return all items of a list, page after page."""
    decode = msgspec.json.Decoder(_Page[item]).decode  # type: ignore[valid-type]
    items: list[T] = []
    cursor: str | None = None
    while True:
        params = {"limit": str(PAGE), **filters, **({"cursor": cursor} if cursor else {})}
        page = decode(await _content(client, path, params))
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


async def one(client: httpx.AsyncClient, path: str, kind: type[T], patience: int = TIMEOUT_SECONDS) -> T:
    """Return one document. patience: how many seconds the service may take for it."""
    return msgspec.json.decode(await _content(client, path, {}, patience), type=kind)


async def _content(
    client: httpx.AsyncClient, path: str, params: Mapping[str, str], patience: int = TIMEOUT_SECONDS
) -> bytes:
    """Return an answer. A service with its hands full, or without its database for a moment, says when to ask again."""
    response = await client.get(path, params=params, timeout=patience)
    for _ in range(_TRIES - 1):
        seconds = response.headers.get("Retry-After", "")
        if response.is_success or not seconds.isdecimal():
            break
        await asyncio.sleep(int(seconds))
        response = await client.get(path, params=params, timeout=patience)
    if not response.is_success:
        body_of(response)
    return response.content


async def _settled_in_all(client: httpx.AsyncClient, snapshot: Snapshot) -> dict[str, Settled]:
    """Return what settled over all instructions of trades whose last one does not explain the books."""
    wanted = unexplained(snapshot)
    stories = await _each(
        [f"/settlements/{trade.trade_id}" for trade in wanted], partial(one, client), _Story
    )
    return {trade.trade_id: _sum(story) for trade, story in zip(wanted, stories, strict=True)}


def unexplained(snapshot: Snapshot) -> list[Captured]:
    """Return the amended or cancelled trades of which more settled than the last instruction tells."""
    settlements = {settlement.trade_id: settlement for settlement in snapshot.settlements}
    booked = {trade.trade_id: trade for trade in snapshot.booked}
    return [
        trade
        for trade in snapshot.captured
        if trade.version > 1
        and (settlement := settlements.get(trade.trade_id)) is not None
        and (books := booked.get(trade.trade_id)) is not None
        and last_instruction(settlement).quantity != books.settled_quantity
    ]


def _sum(story: _Story) -> Settled:
    settled = [each.settled for each in story.instructions]
    quantity = sum((each.quantity for each in settled), Decimal(0))
    return Settled(quantity, sum((each.amount for each in settled), Decimal(0)))


async def _each(paths: Sequence[str], get: Any, kind: type[T]) -> list[T]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def limited(path: str) -> T:
        async with gate:
            found: T = await get(path, kind)
            return found

    return list(await asyncio.gather(*map(limited, paths)))
