"""Every metric of the command line."""

from typing import Final

from backoffice_events.metrics import Declarations

METRICS: Final = Declarations("backoffice_cli")

FINDINGS: Final = METRICS.gauge(
    "backoffice.reconcile.findings",
    unit="{finding}",
    labels=("kind",),
    meaning="What the last reconciliation found: breaks, unaccounted, duplicates, outbox. All 0: all sides agree.",
)
FINISHED: Final = METRICS.gauge(
    "backoffice.reconcile.finished", unit="s", meaning="When it finished, in seconds since 1970."
)
