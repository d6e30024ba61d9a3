"""One execution and its versions: what a statement of the front office does to it.

(source system, trade reference, version) is the idempotency key. Versions are taken in without a gap: what comes before
its predecessor waits. A version that operations rejected was never used: another content may take its place, and the
versions after it no longer wait for it.
"""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from backoffice_events.contracts.trading import Trade
from backoffice_events.ids import new_id
from trade_capture.trades.domain.enrichment import Enricher, Faults
from trade_capture.trades.domain.reasons import Reason, ReasonCode
from trade_capture.trades.domain.terms import Legible, Terms

Statement = TradeExecuted | TradeCorrected | TradeBusted

# What each statement does to a trade, in one word.
STATEMENT_BY_ACTION: dict[str, type[Statement]] = {
    "NEW": TradeExecuted,
    "CORRECT": TradeCorrected,
    "CANCEL": TradeBusted,
}

LONGEST_TEXT = 140
HIGHEST_VERSION = 2**31 - 1


class ExecutionKey(NamedTuple):
    """How the front office names an execution."""

    source_system: str
    trade_reference: str


class Malformed(Struct, frozen=True):
    """A message that names an execution but does not keep to its contract.

    version: None when it states none. reasons: what is wrong with its form. stated: what it says all the same, if
    anything can be read; the rest of its faults are in there.
    """

    key: ExecutionKey
    version: int | None
    payload: bytes
    reasons: Faults
    contract: type[Statement]
    stated: Statement | Legible | None = None


class Change(StrEnum):
    """What taking a statement in did. UNCHANGED: a correction that restates the terms in force."""

    CAPTURED = "CAPTURED"
    AMENDED = "AMENDED"
    CANCELLED = "CANCELLED"
    UNCHANGED = "UNCHANGED"


class Taken(Struct, frozen=True):
    """The statement was taken in. trade: the state it led to. reason: why a cancelled trade was cancelled."""

    change: Change
    trade: Trade
    reason: str | None = None


class Resent(Struct, frozen=True):
    """The same content under the same key was there before: no effect."""


class Waiting(Struct, frozen=True):
    """An earlier version has to be taken in first."""

    reasons: Faults


class Refused(Struct, frozen=True):
    """The statement cannot be taken in as it is."""

    reasons: Faults


Verdict = Taken | Resent | Waiting | Refused


class Execution(Struct):
    """All that is known of one execution.

    trade: as last captured, amended or cancelled; None before. source_version: the highest version taken in.
    stated: content of the versions in use, taken in or in the repair queue; those below source_version only as far as
    they were loaded. rejected: versions that operations rejected.
    """

    trade: Trade | None = None
    cancelled: bool = False
    source_version: int = 0
    stated: dict[int | None, Statement | bytes] = field(default_factory=dict)
    rejected: set[int] = field(default_factory=set)

    def judge(self, statement: Statement | Malformed, enricher: Enricher) -> Verdict:
        """Decide on a statement and, when it is taken in, become what it says."""
        content = statement.payload if isinstance(statement, Malformed) else statement
        used = self.stated.get(statement.version)
        if used is not None:
            if used == content:
                return Resent()
            if statement.version is not None:
                return Refused((_conflict(statement.version), *self._faults(statement, enricher)))
        verdict = self._out_of_turn(statement, enricher) or self._take(statement, enricher)
        self.stated[statement.version] = content
        return verdict

    def next_version(self) -> int:
        """Return the version that can be taken in next."""
        version = self.source_version + 1
        while version in self.rejected:
            version += 1
        return version

    def _out_of_turn(self, statement: Statement | Malformed, enricher: Enricher) -> Waiting | Refused | None:
        """Return why a statement cannot be taken in now, whatever it says; what is wrong with that comes with it."""
        version, following = statement.version, self.next_version()
        fault = None if version is None else self._turn_fault(statement, version)
        if fault is not None:
            return Refused((fault, *self._faults(statement, enricher)))
        if version is not None and version > following and not isinstance(statement, Malformed):
            message = f"version {version} waits until version {following} is taken in"
            return Waiting((Reason(ReasonCode.PREDECESSOR_MISSING, "version", message),))
        return None

    def _turn_fault(self, statement: Statement | Malformed, version: int) -> Reason | None:
        following = self.next_version()
        if fault := _kind_fault(_contract(statement), version):
            return Reason(ReasonCode.INVALID_VERSION, "version", fault)
        if version <= self.source_version:
            message = (
                f"version {self.source_version} has been taken in: send the change as version {following}"
            )
            return Reason(ReasonCode.INVALID_VERSION, "version", message)
        if self.cancelled and version == following:
            message = "the trade is cancelled: execute a new one under another reference"
            return Reason(ReasonCode.TRADE_CANCELLED, "trade_reference", message)
        return None

    def _faults(self, statement: Statement | Malformed | Legible, enricher: Enricher) -> Faults:
        """Return all that is wrong with what a statement says, as far as it can be read."""
        if isinstance(statement, Malformed):
            stated = () if statement.stated is None else self._faults(statement.stated, enricher)
            return (*statement.reasons, *stated)
        if isinstance(statement, TradeBusted):
            return _bust_faults(statement)
        return enricher.faults(statement, self.trade)

    def _take(self, statement: Statement | Malformed, enricher: Enricher) -> Taken | Refused:
        if isinstance(statement, Malformed):
            return Refused(self._faults(statement, enricher))
        if isinstance(statement, TradeBusted):
            verdict = self._cancel(statement)
        elif self.trade is None:
            verdict = _capture(statement, enricher)
        else:
            verdict = _amend(self.trade, statement, enricher)
        if isinstance(verdict, Taken):
            self.trade = verdict.trade
            self.cancelled = verdict.change is Change.CANCELLED
            self.source_version = statement.version
        return verdict

    def _cancel(self, bust: TradeBusted) -> Taken | Refused:
        faults = _bust_faults(bust)
        if self.trade is None:
            message = (
                "every earlier version was rejected, so there is no trade to cancel: reject this one too"
            )
            return Refused((Reason(ReasonCode.NOTHING_TO_CANCEL, "version", message), *faults))
        if faults:
            return Refused(faults)
        cancelled = replace(self.trade, version=self.trade.version + 1, source_version=bust.version)
        return Taken(Change.CANCELLED, cancelled, bust.reason)


def key_of(statement: Statement | Malformed) -> ExecutionKey:
    """Return the execution that a statement is about."""
    if isinstance(statement, Malformed):
        return statement.key
    return ExecutionKey(statement.source_system, statement.trade_reference)


def name_fault(value: str) -> str | None:
    """Return why `value` cannot name a system or a trade, or None."""
    if not value or len(value) > LONGEST_TEXT:
        return f"must have 1 to {LONGEST_TEXT} characters"
    return None if value.isprintable() else "must not hold control characters"


def version_fault(version: int) -> str | None:
    """Return why `version` cannot be a version, or None."""
    return None if 0 < version <= HIGHEST_VERSION else f"must be between 1 and {HIGHEST_VERSION}"


def _contract(statement: Statement | Malformed) -> type[Statement]:
    return statement.contract if isinstance(statement, Malformed) else type(statement)


def _kind_fault(contract: type[Statement], version: int) -> str | None:
    if contract is TradeExecuted:
        return None if version == 1 else "a new trade is version 1"
    return None if version > 1 else "a correction or cancellation is version 2 or higher"


def _bust_faults(bust: TradeBusted) -> Faults:
    if len(bust.reason) <= LONGEST_TEXT and bust.reason.isprintable():
        return ()
    message = f"reason must be printable text of at most {LONGEST_TEXT} characters"
    return (Reason(ReasonCode.MALFORMED_FIELD, "reason", message),)


def _conflict(version: int) -> Reason:
    message = f"version {version} was sent before with other content: send a change under the next version"
    return Reason(ReasonCode.CONFLICTING_RESEND, "version", message)


def _capture(terms: Terms, enricher: Enricher) -> Taken | Refused:
    enriched = enricher.enrich(terms, trade_id=new_id(), version=1)
    return Taken(Change.CAPTURED, enriched) if isinstance(enriched, Trade) else Refused(enriched)


def _amend(trade: Trade, terms: Terms, enricher: Enricher) -> Taken | Refused:
    enriched = enricher.enrich(terms, trade_id=trade.trade_id, version=trade.version + 1, previous=trade)
    if not isinstance(enriched, Trade):
        return Refused(enriched)
    if replace(enriched, version=trade.version, source_version=trade.source_version) == trade:
        return Taken(Change.UNCHANGED, trade)
    return Taken(Change.AMENDED, enriched)
