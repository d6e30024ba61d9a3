"""A batch of trades judged in memory, in the order they came; what follows from it is written afterwards."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property

import msgspec

from backoffice_chassis.secrecy.accounts import without_accounts
from backoffice_events.contracts.hr import Employee
from backoffice_events.contracts.trading import Trade
from backoffice_events.ids import new_id
from compliance.cases.domain import CaseStatus
from compliance.checks.domain import Finding, Inputs, Status, reasons, status_of
from compliance.checks.positions import Contribution, Exposure, Positions, contribution, unit_price
from compliance.checks.rulings import examine
from compliance.reference.domain import Instrument
from compliance.rules.domain import Rulebook
from compliance.screening.domain import Screening

PATIENCE = timedelta(seconds=60)
"""How long a trade waits for reference data that is still on its way before a person has to look at it."""


class TradeState(msgspec.Struct, kw_only=True):
    """What compliance holds of a trade. status: None while it waits for reference data.

    decision_version: of the last decision, 0 before the first. case_id: the open case. new: it was not held before.
    """

    trade_id: str
    version: int
    fingerprint: int
    contribution: Contribution
    cancelled: bool = False
    status: Status | None = None
    decision_id: str | None = None
    decision_version: int = 0
    case_id: str | None = None
    new: bool = False


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it is stored.

    inputs, rules_version: all that it stood on; the same inputs under the same rules give the same findings
    again. decided_by: who decided a case, None when the checks decided (then there are findings and inputs).
    """

    decision_id: str
    trade_id: str
    trade_version: int
    decision_version: int
    status: Status
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    inputs: Inputs | None
    rules_version: int
    decided_at: datetime
    decided_by: str | None = None
    case_id: str | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A trade that cannot be judged yet: what is missing, and when a person has to look at it."""

    trade: Trade
    missing: tuple[str, ...]
    deadline: datetime


@dataclass(frozen=True, kw_only=True)
class Copies:
    """This service's copies of reference data: instruments by ISIN and market, employees by id, screenings by LEI."""

    instruments: Mapping[tuple[str, str], Instrument] = field(default_factory=dict)
    employees: Mapping[str, Employee] = field(default_factory=dict)
    screenings: Mapping[str, Screening] = field(default_factory=dict)

    def missing(self, trade: Trade) -> tuple[str, ...]:
        """Name what a decision on the trade needs and what has not come yet."""
        needs = {
            "instrument": (trade.isin, trade.mic) in self.instruments,
            "employee": trade.trader in self.employees,
            "screening": trade.counterparty_lei in self.screenings,
        }
        return tuple(name for name, known in needs.items() if not known)

    def reference_price(self, traded: Contribution) -> Decimal | None:
        """Return the reference price per unit of what was traded, None where none is known in its currency."""
        return self._reference_prices.get((traded.isin, traded.currency))

    @cached_property
    def _reference_prices(self) -> Mapping[tuple[str, str], Decimal]:
        """Prices by ISIN and currency; of an instrument on several markets that of the first by name."""
        return {
            (isin, one.currency): unit_price(one.reference_price, one.instrument_type)
            for (isin, _), one in sorted(self.instruments.items(), reverse=True)
            if one.reference_price
        }


@dataclass(kw_only=True)
class Knowledge:
    """What was known before the batch, of the keys that the batch touches.

    twins: ids of live trades by fingerprint. cleared: of trades of which a version waits, what the one before it adds
    that was cleared.
    """

    rulebook: Rulebook = field(default_factory=Rulebook)
    copies: Copies = field(default_factory=Copies)
    positions: Positions = field(default_factory=Positions)
    trades: dict[str, TradeState] = field(default_factory=dict)
    twins: dict[int, set[str]] = field(default_factory=dict)
    cleared: dict[str, Contribution] = field(default_factory=dict)


class Seen(msgspec.Struct, frozen=True):
    """A trade with what is worked out of its terms once: its fingerprint and what it adds to positions."""

    trade: Trade
    fingerprint: int
    contribution: Contribution

    @classmethod
    def of(cls, trade: Trade) -> "Seen":
        """Look at a trade."""
        return cls(trade, fingerprint(trade), contribution(trade))


def fingerprint(trade: Trade) -> int:
    """Return 64 bits that are the same for two executions with the same terms, whatever their reference."""
    terms = (
        trade.trader,
        trade.isin,
        trade.side.value,
        str(trade.quantity.normalize()),
        str(trade.price.normalize()),
        trade.counterparty_lei,
        trade.executed_at.astimezone(UTC).isoformat(),
    )
    digest = hashlib.blake2b("\x1f".join(terms).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _since(
    before: Mapping[tuple[str, str], Decimal] | None, exposures: tuple[Exposure, ...]
) -> tuple[Exposure, ...]:
    """Return the exposures as changes of the positions that stood before; None: of those without the trade.

    An amendment of a trade that was cleared is held against the position with that trade in it: what makes the position
    smaller may pass. Of one that was never cleared it is not: a smaller version would need nobody's release.
    """
    if before is None:
        return exposures
    return tuple(msgspec.structs.replace(each, before=before[each.scope, each.name]) for each in exposures)


class Assessment:
    """Judges trades one after another and collects what is to be written.

    decisions: in order. closures: what became of cases opened before. waiting: by trade id; None = waits no
    more.
    """

    def __init__(self, known: Knowledge, now: datetime) -> None:
        self._known = known
        self._now = now
        self.decisions: list[Decision] = []
        self.closures: dict[str, CaseStatus] = {}
        self.waiting: dict[str, Waiting | None] = {}
        self.touched: dict[str, TradeState] = {}

    def judge(self, seen: Seen) -> Decision | None:
        """Judge a new version of a trade. None: an old version or a cancelled trade, or it has to wait."""
        trade = seen.trade
        state = self._known.trades.get(trade.trade_id)
        if state is not None and (state.cancelled or trade.version <= state.version):
            return None
        before = self._before(seen, state)
        state = self._take_in(seen, state)
        return self._decide(trade, state, self._now + PATIENCE, before)

    def judge_again(self, waited: Waiting) -> Decision | None:
        """Judge a trade that waited. None: it waits on, or has moved on meanwhile."""
        trade = waited.trade
        state = self._known.trades.get(trade.trade_id)
        if state is None or state.version != trade.version or state.status is not None or state.cancelled:
            self.waiting[trade.trade_id] = None
            return None
        seen = Seen.of(trade)
        before = self._before(seen, state)
        return self._decide(trade, self._take_in(seen, state), waited.deadline, before)

    def cancel(self, seen: Seen) -> None:
        """Take a trade out of the positions and close what is open on it."""
        trade = seen.trade
        state = self._known.trades.get(trade.trade_id)
        if state is None:
            state = self._enter(seen)
        elif state.cancelled or trade.version <= state.version:
            return
        else:
            self._take_out(state)
        state.version, state.cancelled = trade.version, True
        self._leave_behind(state, CaseStatus.CANCELLED)
        self.touched[trade.trade_id] = state

    def _before(self, seen: Seen, state: TradeState | None) -> Mapping[tuple[str, str], Decimal] | None:
        """Return the gross positions with the version that was cleared, None when the last one decided on was not.

        A version that waits has taken its place, and gives it back: to wait must not decide.
        """
        if state is None:
            return None
        cleared = self._known.cleared
        if state.status is Status.CLEARED:
            cleared[state.trade_id] = state.contribution
        elif state.status is not None:
            cleared.pop(state.trade_id, None)
        former = cleared.get(state.trade_id)
        if former is None:
            return None
        if state.status is None:
            self._known.positions.put_back(former, instead_of=state.contribution)
            state.contribution = former
        return self._known.positions.before(seen.contribution)

    def _take_in(self, seen: Seen, state: TradeState | None) -> TradeState:
        if state is None:
            return self._enter(seen)
        self._take_out(state)
        self._leave_behind(state, CaseStatus.SUPERSEDED)
        state.version, state.status = seen.trade.version, None
        state.contribution, state.fingerprint = seen.contribution, seen.fingerprint
        return state

    def _enter(self, seen: Seen) -> TradeState:
        state = self._known.trades[seen.trade.trade_id] = TradeState(
            trade_id=seen.trade.trade_id,
            version=seen.trade.version,
            fingerprint=seen.fingerprint,
            contribution=seen.contribution,
            new=True,
        )
        return state

    def _take_out(self, state: TradeState) -> None:
        traded = state.contribution
        self._known.positions.remove(traded, self._known.copies.reference_price(traded))
        self._known.twins.get(state.fingerprint, set()).discard(state.trade_id)

    def _leave_behind(self, state: TradeState, became: CaseStatus) -> None:
        if state.case_id is not None:
            self.closures[state.case_id] = became
            state.case_id = None
        if state.status is None:
            self.waiting[state.trade_id] = None

    def _decide(
        self,
        trade: Trade,
        state: TradeState,
        deadline: datetime,
        before: Mapping[tuple[str, str], Decimal] | None = None,
    ) -> Decision | None:
        """Decide, or let it wait. before: the gross positions with an earlier version that was cleared, if one was."""
        self.touched[trade.trade_id] = state
        trade = without_accounts(trade)  # what is kept from here on: no check needs them
        inputs = self._gather(trade, state, before)
        missing = self._known.copies.missing(trade)
        if missing and self._now < deadline:
            self.waiting[trade.trade_id] = Waiting(trade=trade, missing=missing, deadline=deadline)
            return None
        if trade.trade_id in self.waiting:
            self.waiting[trade.trade_id] = None
        return self._record(inputs, state)

    def _gather(
        self, trade: Trade, state: TradeState, before: Mapping[tuple[str, str], Decimal] | None
    ) -> Inputs:
        known = self._known
        twins = known.twins.setdefault(state.fingerprint, set())
        duplicates = tuple(sorted(twins - {trade.trade_id}))
        twins.add(trade.trade_id)
        return Inputs(
            trade=trade,
            instrument=known.copies.instruments.get((trade.isin, trade.mic)),
            employee=known.copies.employees.get(trade.trader),
            screening=known.copies.screenings.get(trade.counterparty_lei),
            exposures=_since(before, known.positions.add(state.contribution)),
            duplicates=duplicates,
        )

    def _record(self, inputs: Inputs, state: TradeState) -> Decision:
        findings = examine(inputs, self._known.rulebook.on(inputs.trade.trade_date))
        status = status_of(findings)
        decision = Decision(
            decision_id=new_id(),
            trade_id=state.trade_id,
            trade_version=state.version,
            decision_version=state.decision_version + 1,
            status=status,
            reasons=reasons(findings),
            findings=findings,
            inputs=inputs,
            rules_version=self._known.rulebook.version,
            decided_at=self._now,
            case_id=new_id() if status is Status.HELD else None,
        )
        state.status, state.case_id = status, decision.case_id
        state.decision_id, state.decision_version = decision.decision_id, decision.decision_version
        self.decisions.append(decision)
        return decision
