"""Trades from Kafka: what the front offices publish."""

from collections.abc import Sequence
from typing import Any

from backoffice_events.cloudevents import Received
from backoffice_events.contracts.frontoffice import TradeCorrected, TradeExecuted
from backoffice_events.messaging import Batch, ConsumerSpec, Undecodable, UnitOfWork
from trade_capture.repair.domain import STATEMENTS, Origin, UnidentifiableError, read, statement_type
from trade_capture.trades.capture import Capture
from trade_capture.trades.domain import (
    ExecutionKey,
    Malformed,
    Reason,
    ReasonCode,
    Statement,
    name_fault,
    plain,
    version_fault,
)
from trade_capture.trades.domain.checks import number_faults
from trade_capture.trades.submission import Submission

GROUP = "trade-capture.trades"


class TradeConsumer:
    """Takes the front offices' statements in."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def spec(self) -> ConsumerSpec:
        """Return what to consume and how."""
        return ConsumerSpec(
            group=GROUP,
            contracts=STATEMENTS,
            handle=self.handle,
            undecodable=self.take_undecodable,
            gather=0.15,
        )

    async def handle(self, batch: Batch) -> None:
        """Take a batch in. A message that does not name its execution can only be a dead letter."""
        submissions = []
        for received in batch.events:
            if fault := _identity_fault(received.event):
                batch.refuse(received, fault)
            else:
                submissions.append(_submission(received))
        if submissions:
            await self._capture.take_in(batch, submissions)

    async def take_undecodable(
        self, unit: UnitOfWork, records: Sequence[Undecodable]
    ) -> Sequence[Undecodable]:
        """Put messages that break the contract in the repair queue, if they name their execution."""
        submissions, unidentified = [], []
        for record in records:
            submission = _salvaged(record)
            if submission is None:
                unidentified.append(record)
            else:
                submissions.append(submission)
        if submissions:
            await self._capture.take_in(unit, submissions)
        return unidentified


def _identity_fault(event: Statement) -> str | None:
    for field in ("source_system", "trade_reference"):
        if fault := name_fault(getattr(event, field)):
            return f"{field} {fault}"
    return None


def _submission(received: Received[Any]) -> Submission:
    payload = received.record.value or b""
    origin = Origin(received.topic, received.partition, received.offset, received.event_id)
    statement = _with_usable_version(received.event, payload)
    return Submission(statement, received.event_type, payload, origin, received)


def _with_usable_version(event: Statement, payload: bytes) -> Statement | Malformed:
    fault = version_fault(event.version)
    if fault is None:
        return event
    key = ExecutionKey(event.source_system, event.trade_reference)
    reason = Reason(ReasonCode.INVALID_VERSION, "version", f"version {fault}")
    return Malformed(key, None, payload, (reason,), type(event), event)


def _salvaged(record: Undecodable) -> Submission | None:
    """Return what can be made of a record, or None when it names no execution."""
    contract = statement_type(record.event_type)
    if contract is None or record.event_type is None or not record.value:
        return None
    try:
        statement = read(contract, record.value)
    except UnidentifiableError:
        return None
    if not isinstance(statement, Malformed) and not _has_number_faults(statement):
        statement = _distrusted(statement, record.value, record.reason)
    origin = Origin(record.topic, record.partition, record.offset, record.event_id)
    return Submission(statement, record.event_type, record.value, origin)


def _has_number_faults(statement: Statement) -> bool:
    """Tell whether the domain will find fault with the numbers, and so name the fields itself."""
    if isinstance(statement, TradeExecuted | TradeCorrected):
        return any(number_faults(statement, None))
    return False


def _distrusted(statement: Statement, payload: bytes, why: str) -> Malformed:
    """Each field can be read but not the message as a whole: its headers or key are at fault."""
    key = ExecutionKey(statement.source_system, statement.trade_reference)
    reason = Reason(ReasonCode.MALFORMED_FIELD, "message", plain(why))
    return Malformed(key, statement.version, payload, (reason,), type(statement), statement)
