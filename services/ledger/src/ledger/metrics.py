"""Every metric of the ledger."""

from typing import Final

from backoffice_events.metrics import Declarations

METRICS: Final = Declarations("ledger")

JOURNALS: Final = METRICS.counter(
    "backoffice.ledger.journals",
    unit="{journal}",
    labels=("kind",),
    meaning="Journals posted: TRADE_DATE, SETTLEMENT, FAILING, REVERSAL, RELEASE.",
)
