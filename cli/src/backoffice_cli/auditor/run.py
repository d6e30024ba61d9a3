"""An audit from beginning to end."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiokafka.errors import KafkaError

from backoffice_cli.auditor.digest import digest
from backoffice_cli.auditor.evidence import Evidence, gather
from backoffice_cli.auditor.evidence.records import write_starts
from backoffice_cli.auditor.evidence.topics import ends_of
from backoffice_cli.auditor.picture import Picture, put_together
from backoffice_cli.auditor.report import AuditReport
from backoffice_cli.auditor.statements import STATEMENTS
from backoffice_cli.auditor.timeline import timeline
from backoffice_cli.platform import Stack
from backoffice_cli.stack.errors import StackError

Say = Callable[[str], None]

_TOLD_OF_A_STATEMENT = 3
"""Breaks whose whole story is told: more of the same would be read by nobody, and a story looks at everything."""


def begin(platform: Stack, record: Path) -> None:
    """Note in the record folder where each topic and each record ends: call it before every run of a stack.

    Without it an audit covers all runs that the records tell of, from the beginning of every topic.
    """
    write_starts(record, asyncio.run(ends_of(platform.bootstrap_servers)))


def audit(platform: Stack, record: Path, *, seed: str, say: Say) -> AuditReport:
    """Audit a run once all is quiet. record: the run's folder with the outsiders' records. seed: draws the run again.

    Statements about trades cover those that the run's front office reported; those about the books as a whole, the
    outboxes, dead letters and parked events cover the whole stack. Raises StackError when a side does not answer.
    """
    say("Reading the records, the topics and the databases")
    try:
        evidence = asyncio.run(gather(platform, record))
    except (KafkaError, OSError) as error:
        raise StackError(f"Broker or database do not answer: {error}", "See: backoffice status") from error
    report = examine(evidence, seed)
    say(f"{sum(each.holds for each in report.statements)} of {len(report.statements)} statements hold")
    return report


def examine(evidence: Evidence, seed: str) -> AuditReport:
    """Hold the evidence against every statement."""
    picture = put_together(evidence)
    report = AuditReport(
        seed=seed,
        statements=[statement(picture) for statement in STATEMENTS],
        digest=digest(picture),
        counts=_counts(picture),
    )
    for statement in report.statements:
        for each in statement.breaks[:_TOLD_OF_A_STATEMENT]:
            each.timeline = timeline(picture, each.key)
    return report


def _counts(picture: Picture) -> dict[str, int]:
    evidence = picture.evidence
    return {
        "published": sum(map(len, picture.reports.values())),
        "executions": len(evidence.keys),
        "uncertain": sum(not each.certain for each in picture.executions.values()),
        "trades": len(picture.trades),
        "journals": len(evidence.ledger.journals),
        "records_on_topics": len(evidence.topics),
        "dead_letters": sum(len(each.dead_letters) for each in evidence.messaging.values()),
        "parked": sum(len(each.parked) for each in evidence.messaging.values()),
    }
