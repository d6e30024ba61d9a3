"""Variants that break one promise each, to show that the auditor notices.

Each replaces what it must (see patching.Target), by its name after `break:`. Most break the messaging library; those
that need a service's own code name it by its path, for nothing here may import a service.
"""

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import text

from backoffice_cli.chaos.sabotage.patching import Target
from backoffice_events.contracts.trading import TradeCaptured

_MESSAGING: Final = "backoffice_events.messaging"
_NTH: Final = 3
_SECOND: Final = 2
"""The call at which a variant that harms but once does so: what goes before it is well."""
_LATE_EVERY: Final = 3
_LATE_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.02
_CAPTURED: Final = ("ce_type", TradeCaptured.event_type.encode())
_LAST: Final = text("SELECT max(seq) FROM outbox")

_SEND = Target("backoffice_events.kafka:KafkaSender.send")
_PARTITIONS = Target("backoffice_events.kafka:_by_partition")
_OLDEST = Target(f"{_MESSAGING}.relay:Relay._oldest")
_OUTBOX = Target(f"{_MESSAGING}.outbox:write")
_WORK = Target(f"{_MESSAGING}.consumer:Consumer._work")
_TAKE = Target(f"{_MESSAGING}.inbox:take")
_HANDLE = Target(f"{_MESSAGING}.application:_handle")
_LETTER = Target(f"{_MESSAGING}.dead_letters:record_columns")
_PARKED = Target(f"{_MESSAGING}.parking:parked")
_GROSS = Target("trade_capture.trades.domain.enrichment:gross_amount")
_INSTRUCT = Target("settlement.processes.progress:_instruct")
_TAKE_BACK = Target("ledger.journals.booking:_take_back")


def _outbox_deleted_early() -> None:
    """Take records for sent without the broker's acknowledgement, and be without a broker when trades are captured."""
    lost = False

    def wrap(send: Any) -> Any:
        async def sent(sender: Any, records: Sequence[Any]) -> dict[int, Exception]:
            nonlocal lost
            if not lost and any(_CAPTURED in record.headers for record in records):
                lost = True
                return {}
            failed: dict[int, Exception] = await send(sender, records)
            return failed

        return sent

    _SEND.replace(wrap)


def _relay_cursor() -> None:
    """Read the outbox from behind the last position that was sent, while some transactions commit late."""
    cursors: list[_Cursor] = []
    calls = count(1)

    def read_on(original: Any) -> Any:
        async def oldest(relay: Any, connection: Any) -> Sequence[Any]:
            if not cursors or cursors[-1].connection is not connection:
                cursors.append(_Cursor(connection))
            return cursors[-1].behind(await original(relay, connection))

        return oldest

    def commit_late(write: Any) -> Any:
        async def written(connection: Any, outgoing: Sequence[Any], now: Any) -> None:
            await write(connection, outgoing, now)
            if outgoing and cursors and next(calls) % _LATE_EVERY == 0:
                await _overtaken(cursors[-1], await connection.scalar(_LAST))

        return written

    _OLDEST.replace(read_on)
    _OUTBOX.replace(commit_late)


async def _overtaken(cursor: "_Cursor", last: int) -> None:
    """Wait until records of later transactions than that of `last` went first, but not for ever: there may be none."""
    deadline = time.monotonic() + _LATE_SECONDS
    while cursor.last <= last and time.monotonic() < deadline:  # noqa: ASYNC110 - a row of the outbox tells nobody
        await asyncio.sleep(_POLL_SECONDS)


class _Cursor:
    """The last position of the outbox that was read over a connection."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.last = 0

    def behind(self, rows: Sequence[Any]) -> list[Any]:
        """Return the rows behind the cursor, and move it behind them."""
        new = [row for row in rows if row["seq"] > self.last]
        self.last = max([self.last, *(row["seq"] for row in rows)])
        return new


def _partition_by_seq() -> None:
    """Send records to partitions in turn, whatever their keys."""

    def wrap(original: Any) -> Any:
        async def dealt(producer: Any, records: Sequence[Any]) -> Any:
            _, failed = await original(producer, records)
            partitions: dict[tuple[str, int], list[int]] = defaultdict(list)
            for position, record in enumerate(records):
                if position not in failed:
                    number = len(await producer.partitions_for(record.topic))
                    partitions[record.topic, next(turns) % number].append(position)
            return partitions, failed

        return dealt

    turns = count()
    _PARTITIONS.replace(wrap)


def _offsets_committed_early() -> None:
    """Commit the offsets of a batch before it takes effect, and die in between, once, at the second that matters."""
    batches = count(1)
    died = Path(os.environ.get("BACKOFFICE_SABOTAGE_ONCE", os.devnull))

    def wrap(work: Any) -> Any:
        async def worked(consumer: Any, kafka: Any, fetched: Any, epoch: int) -> None:
            consumer._advance({place: messages[-1].offset + 1 for place, messages in fetched.items()})
            await consumer._commit(kafka)
            if not died.exists() and _matters(consumer, fetched) and next(batches) == _SECOND:
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            await work(consumer, kafka, fetched, epoch)

        return worked

    _WORK.replace(wrap)


def _matters(consumer: Any, fetched: Any) -> bool:
    """Tell whether a poll brought anything that the consumer does not pass over."""
    wanted = {("ce_type", contract.event_type.encode()) for contract in consumer.spec.contracts}
    return any(wanted.intersection(each.headers) for messages in fetched.values() for each in messages)


def _inbox_missing() -> None:
    """Take every event for new, and remember none."""

    def wrap(_: Any) -> Any:
        async def taken(_connection: Any, _consumer: str, items: Any) -> set[str]:
            return set(items)

        return taken

    _TAKE.replace(wrap)


def _event_dropped() -> None:
    """Hide the events of the third batch from the handler.

    All of them: the auditor excuses a trade of which a later event is refused for want of the hidden one.
    """
    calls = count(1)

    def wrap(handle: Any) -> Any:
        async def handled(unit: Any, spec: Any, parts: Any) -> Any:
            if parts.events and next(calls) == _NTH:
                parts.events.clear()
            return await handle(unit, spec, parts)

        return handled

    _HANDLE.replace(wrap)


def _dead_letter_without_bytes() -> None:
    """Keep dead letters as text that was cleaned up, as one that is only to be looked at."""

    def wrap(columns: Any) -> Any:
        def cleaned(record: Any) -> Any:
            value = record.value or b""
            return {**columns(record), "value": value.decode(errors="replace").strip().encode() + b"\n"}

        return cleaned

    _LETTER.replace(wrap)


def _parked_forgotten() -> None:
    """Deal with a dead letter and leave what is parked behind it where it is."""

    def wrap(_: Any) -> Any:
        async def forgotten(*_: Any) -> list[Any]:
            return []

        return forgotten

    _PARKED.replace(wrap)


def _amount_rounded_down() -> None:
    """Cut amounts off at the minor unit instead of rounding them."""

    def wrap(_: Any) -> Any:
        def cut(quantity: Any, price: Any, instrument_type: Any, minor_units: int) -> Any:
            product = quantity * price / (100 if instrument_type == "BOND" else 1)
            return round_down(product, minor_units)

        return cut

    def round_down(amount: Any, minor_units: int) -> Any:
        return amount.quantize(amount.__class__(1).scaleb(-minor_units), ROUND_DOWN)

    _GROSS.replace(wrap)


def _instruction_sent_twice() -> None:
    """Send each instruction to the CSD under two event ids."""

    def wrap(instruct: Any) -> Any:
        def instructed(case: Any, cause: Any) -> None:
            before = len(case.outgoing)
            instruct(case, cause)
            case.outgoing.extend(case.outgoing[before:])

        return instructed

    _INSTRUCT.replace(wrap)


def _reversal_twice() -> None:
    """Take a trade-date journal back twice, as it is: what the ledger's database refuses."""

    def wrap(take_back: Any) -> Any:
        def twice(books: Any, trade: Any, event_id: str, run: Any) -> Any:
            journals = take_back(books, trade, event_id, run)
            return [*journals, *(_copy(journal, run) for journal in journals)]

        return twice

    _TAKE_BACK.replace(wrap)


def _reversal_disguised() -> None:
    """Take a trade-date journal back once more, disguised as a settlement: what no constraint of the database sees."""

    def wrap(take_back: Any) -> Any:
        def twice(books: Any, trade: Any, event_id: str, run: Any) -> Any:
            journals = take_back(books, trade, event_id, run)
            return [*journals, *(_disguised(journal, trade, run) for journal in journals)]

        return twice

    _TAKE_BACK.replace(wrap)


def _copy(journal: Any, run: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(journal, journal_id=run.new_id(), **changes)


def _disguised(journal: Any, trade: Any, run: Any) -> Any:
    kind = type(journal.kind)("SETTLEMENT")
    return _copy(
        journal, run, kind=kind, reverses=None, instruction_id=trade.trade_id, csd_reference=run.new_id()
    )


BROKEN: Final[dict[str, Callable[[], None]]] = {
    "outbox-deleted-early": _outbox_deleted_early,
    "relay-cursor": _relay_cursor,
    "partition-by-seq": _partition_by_seq,
    "offsets-committed-early": _offsets_committed_early,
    "inbox-missing": _inbox_missing,
    "event-dropped": _event_dropped,
    "dead-letter-without-bytes": _dead_letter_without_bytes,
    "parked-forgotten": _parked_forgotten,
    "amount-rounded-down": _amount_rounded_down,
    "instruction-sent-twice": _instruction_sent_twice,
    "reversal-twice": _reversal_twice,
    "reversal-disguised": _reversal_disguised,
}
TARGETS: Final[tuple[Target, ...]] = (
    *(_SEND, _PARTITIONS, _OLDEST, _OUTBOX, _WORK, _TAKE, _HANDLE, _LETTER, _PARKED),
    *(_GROSS, _INSTRUCT, _TAKE_BACK),
)
"""Everything that the variants replace; a test sees that it is there."""
