"""What compliance decides."""

from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.contracts.vocabulary import Int, Text

COMPLIANCE_DECISIONS = Topic("compliance.decisions.v1", owner="compliance")


class _Decision(Event, frozen=True, kw_only=True):
    """A decision on one version of a trade. decision_version: 1, 2, 3… per trade; the highest stands."""

    trade_id: Text
    trade_version: Int
    decision_id: Text
    decision_version: Int


@event("backoffice.compliance.trade-cleared.v1", COMPLIANCE_DECISIONS, key="trade_id")
class TradeCleared(_Decision, frozen=True, kw_only=True):
    """The trade may go on. released_by: who released it from a hold, None when every check passed."""

    released_by: Text | None = None


@event("backoffice.compliance.trade-held.v1", COMPLIANCE_DECISIONS, key="trade_id")
class TradeHeld(_Decision, frozen=True, kw_only=True):
    """The trade waits for the decision of a case. reasons: codes of the checks that held it."""

    case_id: Text
    reasons: tuple[Text, ...]


@event("backoffice.compliance.trade-blocked.v1", COMPLIANCE_DECISIONS, key="trade_id")
class TradeBlocked(_Decision, frozen=True, kw_only=True):
    """The trade must not settle. reasons: codes of the checks, or of the refused case."""

    reasons: tuple[Text, ...]
