"""The decision on one version of a trade: every check looks at the same inputs, and the worst outcome
decides.

Pure: the same inputs and the same rules give the same decision, so a stored decision can be replayed years
later.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from backoffice_events.contracts.hr import Employee
from backoffice_events.contracts.trading import Trade
from compliance.checks.positions import Exposure
from compliance.reference.domain import Instrument
from compliance.rules.domain import Outcome
from compliance.screening.domain import Screening


class Check(StrEnum):
    """The checks, by the code that decisions and events name as a reason."""

    RESTRICTED_LIST = "RESTRICTED_LIST"
    WATCH_LIST = "WATCH_LIST"
    SANCTIONS = "SANCTIONS"
    EMPLOYMENT = "EMPLOYMENT"
    LICENCE = "LICENCE"
    ORDER_VALUE = "ORDER_VALUE"
    POSITION_LIMIT = "POSITION_LIMIT"
    PRICE_TOLERANCE = "PRICE_TOLERANCE"
    DUPLICATE = "DUPLICATE"
    MISSING_REFERENCE = "MISSING_REFERENCE"


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """All that the checks look at, stored with the decision.

    trade: without its accounts, which no check needs.
    instrument, employee, screening: this service's copies; None when they had not come by the deadline.
    exposures: the gross positions that the trade changes. duplicates: ids of other live trades with the same
    terms.
    """

    trade: Trade
    instrument: Instrument | None
    employee: Employee | None
    screening: Screening | None
    exposures: tuple[Exposure, ...] = ()
    duplicates: tuple[str, ...] = ()

    def missing(self) -> tuple[str, ...]:
        """Name the reference data that a decision needs and that has not come yet."""
        needs = {"instrument": self.instrument, "employee": self.employee, "screening": self.screening}
        return tuple(name for name, copy in needs.items() if copy is None)


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one check said. rule_id: the rule it stood on, None where none was needed or in force."""

    check: Check
    outcome: Outcome
    evidence: str
    rule_id: str | None = None


class Status(StrEnum):
    """What compliance decided on a trade."""

    CLEARED = "CLEARED"
    HELD = "HELD"
    BLOCKED = "BLOCKED"


def status_of(findings: Sequence[Finding]) -> Status:
    """Return what the worst finding decides."""
    outcomes = [finding.outcome for finding in findings]
    if Outcome.BLOCK in outcomes:
        return Status.BLOCKED
    return Status.HELD if Outcome.HOLD in outcomes else Status.CLEARED


def reasons(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the codes of the checks that block or hold, those that block first."""
    blocking = [finding.check.value for finding in findings if finding.outcome is Outcome.BLOCK]
    holding = [finding.check.value for finding in findings if finding.outcome is Outcome.HOLD]
    return tuple(dict.fromkeys(blocking + holding))
