"""Who must take which events: the road's plan as the architecture states it, in the auditor's own words."""

from dataclasses import dataclass

from backoffice_events import contracts
from backoffice_events.contracts.base import Event, Topic


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer group of a service. ordered: later events of a key wait behind its dead letter."""

    group: str
    service: str
    takes: tuple[type[Event], ...]
    ordered: bool = False

    @property
    def topics(self) -> frozenset[str]:
        """Return the topics that it reads."""
        return frozenset(contract.topic.name for contract in self.takes)


def _on(*topics: Topic) -> tuple[type[Event], ...]:
    """Return every contract that travels on these topics."""
    return tuple(contract for contract in contracts.all_contracts() if contract.topic in topics)


_trading, _settlement, _reference = contracts.trading, contracts.settlement, contracts.reference
_TRADES = (_trading.TradeCaptured, _trading.TradeAmended, _trading.TradeCancelled)
_DAYS = _on(_reference.REFERENCE_BUSINESS_DAYS)

CONSUMERS = (
    Consumer("trade-capture.trades", "trade-capture", _on(contracts.frontoffice.FRONTOFFICE_TRADES)),
    Consumer(
        "trade-capture.confirmations", "trade-capture", _on(contracts.counterparty.COUNTERPARTY_CONFIRMATIONS)
    ),
    Consumer("trade-capture.employees", "trade-capture", _on(contracts.hr.HR_EMPLOYEES)),
    Consumer("compliance.trades", "compliance", _TRADES),
    Consumer(
        "compliance.reference",
        "compliance",
        _on(_reference.REFERENCE_INSTRUMENTS, _reference.REFERENCE_COUNTERPARTIES),
    ),
    Consumer("compliance.employees", "compliance", _on(contracts.hr.HR_EMPLOYEES)),
    Consumer(
        "settlement.trades",
        "settlement",
        (*_on(_trading.TRADING_TRADES), *_on(contracts.compliance.COMPLIANCE_DECISIONS)),
        ordered=True,
    ),
    Consumer("settlement.csd", "settlement", _on(contracts.csd.CSD_ADVICES), ordered=True),
    Consumer("settlement.business-days", "settlement", _DAYS),
    Consumer(
        "ledger.trades",
        "ledger",
        (*_TRADES, *_on(_settlement.SETTLEMENT_INSTRUCTIONS)),
        ordered=True,
    ),
    Consumer("ledger.business-days", "ledger", _DAYS),
)

SERVICES = ("trade-capture", "compliance", "settlement", "ledger", "hr")
