"""What a reconciliation finds."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Break:
    """A disagreement. service: whose word does not fit. key: what it is about."""

    service: str
    key: str
    expected: str
    found: str


@dataclass(slots=True)
class TradeCounts:
    """How many trades there are, by what became of them.

    published = captured + in_repair + rejected. no_longer_on_topic counts the captured whose last record the front
    office's topic keeps no more: they are compared across the services alone. captured = cancelled + confirmed
    + mismatched + unconfirmed = cancelled + cleared + held + blocked, unless something is missing. instructed counts
    those of which an instruction was ever sent; settled, partially_settled and failing say where these stand.
    """

    published: int = 0
    no_longer_on_topic: int = 0
    captured: int = 0
    in_repair: int = 0
    rejected: int = 0
    cancelled: int = 0
    confirmed: int = 0
    mismatched: int = 0
    unconfirmed: int = 0
    cleared: int = 0
    held: int = 0
    blocked: int = 0
    instructed: int = 0
    settled: int = 0
    partially_settled: int = 0
    failing: int = 0


@dataclass(slots=True)
class Report:
    """The whole result. unaccounted: published trades or records that are nowhere. breaks: all disagreements."""

    trades: TradeCounts = field(default_factory=TradeCounts)
    unaccounted: int = 0
    duplicates: int = 0
    ledger: dict[str, Any] = field(default_factory=dict)
    outbox_pending: int = 0
    dead_letters: int = 0
    parked: int = 0
    breaks: list[Break] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Return whether all sides agree."""
        return not (self.breaks or self.unaccounted or self.duplicates or self.outbox_pending)

    def expect(self, service: str, key: object, expected: object, found: object) -> None:
        """Take note of a break unless what was found is what was expected."""
        if expected != found:
            self.breaks.append(Break(service, str(key), str(expected), str(found)))
