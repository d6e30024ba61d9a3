"""Every metric of compliance, and how the figures are measured: on open cases alone, which an index finds."""

from collections import Counter
from typing import Final

from sqlalchemy import text

from backoffice_chassis import MOST_ROWS, age_label
from backoffice_events.messaging import UnitOfWork
from backoffice_events.metrics import Declarations

METRICS: Final = Declarations("compliance")

CASES: Final = METRICS.gauge(
    "backoffice.compliance.cases",
    unit="{case}",
    labels=("status", "age"),
    always=[("OPEN", "0"), ("PROPOSED", "0")],
    meaning="Cases that somebody has to decide: OPEN, or PROPOSED and waiting for a second person, by days since they"
    " were opened.",
)

_OPEN_CASES: Final = text(
    rf"""
    SELECT status, floor(extract(epoch FROM :now - opened_at) / 86400)\:\:int AS days, count(*) AS number
    FROM (
        SELECT coalesce(approval.status, compliance_case.status) AS status, opened_at
        FROM compliance_case LEFT JOIN approval
            ON kind = 'case-resolution' AND object_id = case_id\:\:text AND approval.status = 'PROPOSED'
        WHERE closed_at IS NULL LIMIT {MOST_ROWS}
    ) open_case
    GROUP BY 1, 2
    """  # noqa: S608  constants of ours
)


async def measure(unit: UnitOfWork) -> None:
    """Count the open cases."""
    cases = Counter[tuple[str, ...]]()
    for row in await unit.connection.execute(_OPEN_CASES, {"now": unit.now}):
        cases[row.status, age_label(max(0, row.days))] += row.number
    CASES.show(cases)
