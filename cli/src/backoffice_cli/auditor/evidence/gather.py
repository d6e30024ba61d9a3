"""All evidence of one run, gathered: the records, the topics in one pass, the five databases side by side."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from backoffice_cli.auditor.consumers import CONSUMERS, SERVICES
from backoffice_cli.auditor.evidence.compliance import ComplianceRows, read_compliance
from backoffice_cli.auditor.evidence.databases import connect, superuser_url
from backoffice_cli.auditor.evidence.ledger import LedgerRows, read_ledger
from backoffice_cli.auditor.evidence.messaging import MessagingRows, read_messaging
from backoffice_cli.auditor.evidence.records import Records, read_records
from backoffice_cli.auditor.evidence.settlement import SettlementRows, read_settlement
from backoffice_cli.auditor.evidence.topics import Topics, read_topics
from backoffice_cli.auditor.evidence.trade_capture import TradeCaptureRows, read_trade_capture
from backoffice_cli.platform import Stack
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES

ExecutionKey = tuple[str, str]


class _Named(msgspec.Struct):
    source_system: str
    trade_reference: str


_decode_name = msgspec.json.Decoder(_Named).decode


@dataclass(slots=True)
class Evidence:
    """What everybody says. keys: the run's executions, by source system and trade reference."""

    records: Records
    topics: Topics
    keys: frozenset[ExecutionKey]
    capture: TradeCaptureRows
    compliance: ComplianceRows
    settlement: SettlementRows
    ledger: LedgerRows
    messaging: Mapping[str, MessagingRows]


async def gather(platform: Stack, folder: Path) -> Evidence:
    """Read everything. Raises KafkaError, OSError or PostgresError when a side does not answer."""
    records = await asyncio.to_thread(read_records, folder)
    topics = await read_topics(platform.bootstrap_servers, records.starts.topics)
    keys = keys_of(records)
    urls = {service: superuser_url(platform, service.replace("-", "_")) for service in SERVICES}
    capture = await _capture(urls["trade-capture"], keys)
    ids = [row["trade_id"] for row in capture.trades]
    compliance, settlement, ledger, messaging = await asyncio.gather(
        _compliance(urls["compliance"], ids),
        _settlement(urls["settlement"], ids),
        _ledger(urls["ledger"], ids),
        _messaging(urls, topics),
    )
    return Evidence(records, topics, keys, capture, compliance, settlement, ledger, messaging)


def keys_of(records: Records) -> frozenset[ExecutionKey]:
    """Return the executions that the run's front office meant to report."""
    said = (each for each in records.front_office if each.topic == FRONTOFFICE_TRADES.name)
    return frozenset(name for each in said if (name := name_in(each.value, each.key)) is not None)


def name_in(value: bytes | None, key: str) -> ExecutionKey | None:
    """Return the execution that a report names in its content or else, when that cannot be read, by its key."""
    try:
        named = _decode_name(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        system, _, reference = key.partition(":")
        return (system, reference) if reference else None
    return named.source_system, named.trade_reference


async def _capture(url: str, keys: Collection[ExecutionKey]) -> TradeCaptureRows:
    connection = await connect(url)
    try:
        return await read_trade_capture(connection, keys)
    finally:
        await connection.close()


async def _compliance(url: str, ids: Collection[str]) -> ComplianceRows:
    connection = await connect(url)
    try:
        return await read_compliance(connection, ids)
    finally:
        await connection.close()


async def _settlement(url: str, ids: Collection[str]) -> SettlementRows:
    connection = await connect(url)
    try:
        return await read_settlement(connection, ids)
    finally:
        await connection.close()


async def _ledger(url: str, ids: Collection[str]) -> LedgerRows:
    connection = await connect(url)
    try:
        return await read_ledger(connection, ids)
    finally:
        await connection.close()


async def _messaging(urls: Mapping[str, str], topics: Topics) -> dict[str, MessagingRows]:
    """Read the messaging tables of every service, its inbox as far as it concerns these topics' records."""

    async def of(service: str) -> MessagingRows:
        consumers = [each for each in CONSUMERS if each.service == service]
        read = frozenset(topic for each in consumers for topic in each.topics)
        ids = {record.inbox_id for topic in read for record in topics.of(topic)}
        connection = await connect(urls[service])
        try:
            return await read_messaging(connection, [each.group for each in consumers], ids)
        finally:
            await connection.close()

    return dict(zip(urls, await asyncio.gather(*map(of, urls)), strict=True))
