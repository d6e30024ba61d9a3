"""The evidence put together by trade, with what the model says must have come of the inputs."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from backoffice_cli.auditor.documents import Confirmed, confirmed
from backoffice_cli.auditor.evidence import Evidence
from backoffice_cli.auditor.evidence.databases import Row
from backoffice_cli.auditor.evidence.gather import ExecutionKey, name_in
from backoffice_cli.auditor.evidence.topics import Logged, Topics
from backoffice_cli.auditor.model.execution import Execution, Reported, replay
from backoffice_cli.auditor.model.market import Days, Market
from backoffice_cli.auditor.model.terms import Terms
from backoffice_events.contracts.counterparty import COUNTERPARTY_CONFIRMATIONS, ConfirmationSent
from backoffice_events.contracts.csd import CSD_ADVICES, CsdSettlementConfirmed
from backoffice_events.contracts.frontoffice import FRONTOFFICE_TRADES
from backoffice_events.contracts.reference import REFERENCE_BUSINESS_DAYS
from backoffice_events.contracts.settlement import SETTLEMENT_INSTRUCTIONS, InstructionFailing
from backoffice_events.contracts.trading import Trade
from backoffice_events.iso20022 import InvalidDocumentError

_decode_trade = msgspec.json.Decoder(Trade).decode


@dataclass(slots=True)
class TradePicture:
    """One captured trade as all sides have it.

    terms: by our version: the model's, or trade-capture's own where the inputs alone do not tell them.
    """

    key: ExecutionKey
    row: Row
    execution: Execution
    terms: dict[int, Terms]
    instructions: list[Row] = field(default_factory=list)
    settlement: Row | None = None
    decisions: list[Row] = field(default_factory=list)
    journals: list[Row] = field(default_factory=list)
    confirmations: list[ConfirmationSent] = field(default_factory=list)

    @property
    def trade_id(self) -> str:
        """Return our id of the trade."""
        return str(self.row["trade_id"])

    @property
    def instruction_ids(self) -> frozenset[str]:
        """Return the ids of all its instructions."""
        return frozenset(row["instruction_id"] for row in self.instructions)

    @property
    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return bool(self.row["status"] == "CANCELLED")

    @property
    def standing(self) -> Terms | None:
        """Return the terms in force, None when it was cancelled."""
        return None if self.cancelled else self.terms.get(self.row["version"])


@dataclass(slots=True)
class Picture:
    """Everything by key.

    settled: what the CSD confirmed, by instruction. failing: instructions that settlement announced as failing.
    held: by consumer group, keys that wait behind a dead letter, or of which a real event was discarded: what they come
    to is in people's hands. strays: what the front office put on topics that are not its own.
    """

    evidence: Evidence
    market: Market
    executions: dict[ExecutionKey, Execution]
    reports: dict[ExecutionKey, list[Logged]]
    trades: dict[str, TradePicture]
    settled: dict[str, list[Confirmed]]
    failing: frozenset[str]
    held: Mapping[str, frozenset[str]]
    strays: frozenset[tuple[str | None, bytes]]

    def events(self, topic: str) -> list[Logged]:
        """Return the events that the platform put on a topic of its own, each once, where it stands first."""
        return [
            each
            for each in self.evidence.topics.events(topic)
            if (each.event_id, each.value) not in self.strays
        ]

    def names(self, trade_id: str) -> str:
        """Return a trade's names, for a person."""
        trade = self.trades.get(trade_id)
        return f"trade {trade_id} ({':'.join(trade.key)})" if trade else f"trade {trade_id}"


def put_together(evidence: Evidence) -> Picture:
    """Join the evidence and replay the inputs through the model."""
    topics = evidence.topics
    market = Market(_days(evidence)).learn(
        each.event
        for name in topics.names()
        if name.startswith(("reference.", "hr."))
        for each in topics.of(name)
        if each.event is not None
    )
    reports = _reports(evidence)
    executions = replay(((key, _reported(each)) for key, heard in reports.items() for each in heard), market)
    strays = frozenset(
        (said.event_id, said.value)
        for said in evidence.records.front_office
        if said.topic != FRONTOFFICE_TRADES.name
    )
    picture = Picture(
        evidence=evidence,
        market=market,
        executions=executions,
        reports=reports,
        trades=_trades(evidence, executions),
        settled=_settled(topics),
        failing=frozenset(
            each.event.instruction_id
            for each in topics.events(SETTLEMENT_INSTRUCTIONS.name)
            if isinstance(each.event, InstructionFailing)
        ),
        held=_held(evidence, strays),
        strays=strays,
    )
    _attach(picture)
    return picture


def _days(evidence: Evidence) -> dict[str, Days]:
    """Return the range of each calendar's open day in the run: from where it stood at the start to its last."""
    starts = evidence.records.starts.topics.get(REFERENCE_BUSINESS_DAYS.name, {})
    days: dict[str, Days] = {}
    for each in evidence.topics.of(REFERENCE_BUSINESS_DAYS.name):
        event: Any = each.event
        if event is None:
            continue
        before = each.offset < starts.get(each.partition, 0)
        first = event.business_date if before else days.get(event.calendar, (event.business_date,))[0]
        days[event.calendar] = (first, event.business_date)
    return days


def _reports(evidence: Evidence) -> dict[ExecutionKey, list[Logged]]:
    """Return the records on the front office's topic by execution, each event once, in their order."""
    reports: dict[ExecutionKey, list[Logged]] = defaultdict(list)
    seen: set[str] = set()
    for each in evidence.topics.of(FRONTOFFICE_TRADES.name):
        name = name_in(each.value, each.key)
        if name in evidence.keys and each.inbox_id not in seen:
            seen.add(each.inbox_id)
            reports[name].append(each)
    return reports


def _reported(logged: Logged) -> Reported:
    return Reported(logged.place, logged.event, logged.value or b"")


def _trades(evidence: Evidence, executions: Mapping[ExecutionKey, Execution]) -> dict[str, TradePicture]:
    states: dict[str, dict[int, Terms]] = defaultdict(dict)
    for row in evidence.capture.versions:
        states[row["trade_id"]][row["version"]] = terms_of(_decode_trade(row["state"]))
    trades = {}
    for row in evidence.capture.trades:
        key = row["source_system"], row["trade_reference"]
        execution = executions.get(key) or Execution(certain=False)
        sure = execution.certain and not row["repaired"]
        terms = execution.history if sure else states[row["trade_id"]]
        trades[row["trade_id"]] = TradePicture(key, row, execution, terms)
    return trades


def terms_of(trade: Trade) -> Terms:
    """Return a trade's terms as a service states them."""
    return Terms(
        side=trade.side,
        isin=trade.isin,
        mic=trade.mic,
        instrument_type=trade.instrument_type,
        quantity=trade.quantity,
        price=trade.price,
        currency=trade.currency,
        gross=trade.gross_amount,
        accrued=trade.accrued_interest,
        charges=tuple((each.type.value, each.amount) for each in trade.charges),
        net=trade.net_amount,
        trade_date=trade.trade_date,
        settlement_date=trade.settlement_date,
        calendar=trade.settlement_calendar,
        book=trade.book,
        measurement=trade.measurement,
        counterparty=trade.counterparty_lei,
        trader=trade.trader,
        executed_at=trade.executed_at.isoformat(),
    )


def _settled(topics: Topics) -> dict[str, list[Confirmed]]:
    settled: dict[str, list[Confirmed]] = defaultdict(list)
    for each in topics.events(CSD_ADVICES.name):
        if isinstance(each.event, CsdSettlementConfirmed):
            try:
                advice = confirmed(each.event.document)
            except InvalidDocumentError:
                continue  # settlement must have refused it, which another statement checks
            if advice.instruction_id == each.key and advice not in settled[each.key]:
                settled[each.key].append(advice)
    return settled


def is_stray(letter: Row, strays: Collection[tuple[str | None, bytes]]) -> bool:
    """Tell whether a dead letter is what the front office put on a topic that is not its own."""
    return (letter["event_id"], letter["value"] or b"") in strays


def _held(evidence: Evidence, strays: Collection[tuple[str | None, bytes]]) -> dict[str, frozenset[str]]:
    held: dict[str, set[str]] = defaultdict(set)
    for rows in evidence.messaging.values():
        for letter in rows.dead_letters:
            given_up = letter["status"] == "discarded" and not is_stray(letter, strays)
            if letter["status"] == "open" or given_up:
                held[letter["consumer"]].add(letter["key"] or "")
        for parked in rows.parked:
            held[parked["consumer"]].add(parked["key"])
    return {group: frozenset(keys) for group, keys in held.items()}


def _attach(picture: Picture) -> None:
    """Give each trade what settlement, compliance, ledger and the counterparties say of it."""
    evidence, trades = picture.evidence, picture.trades
    for row in evidence.settlement.settlements:
        trades[row["trade_id"]].settlement = row
    for rows, name in (
        (evidence.settlement.instructions, "instructions"),
        (evidence.compliance.decisions, "decisions"),
        (evidence.ledger.journals, "journals"),
    ):
        for row in rows:
            getattr(trades[row["trade_id"]], name).append(row)
    by_key = {trade.key: trade for trade in trades.values()}
    for each in evidence.topics.events(COUNTERPARTY_CONFIRMATIONS.name):
        if isinstance(each.event, ConfirmationSent):
            named = by_key.get((each.event.source_system, each.event.trade_reference))
            if named is not None:
                named.confirmations.append(each.event)


def by(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    """Return rows grouped by columns."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names) if len(names) > 1 else row[names[0]]].append(row)
    return groups


def total(numbers: Sequence[Decimal]) -> Decimal:
    """Return the sum as a Decimal, also of nothing."""
    return sum(numbers, Decimal(0))


def last_closed(picture: Picture) -> dict[str, date]:
    """Return the last day that settlement saw end, by calendar."""
    closed: dict[str, date] = {}
    for row in picture.evidence.settlement.business_days:
        if row["status"] == "CLOSED":
            known = closed.get(row["calendar"], row["business_date"])
            closed[row["calendar"]] = max(known, row["business_date"])
    return closed
