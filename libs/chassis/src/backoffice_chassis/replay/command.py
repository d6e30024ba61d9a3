"""`python -m <package>.main replay GROUP`: prints what came of it as one JSON document."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

from backoffice_chassis.replay.rebuild import Outcome, rebuild
from backoffice_chassis.service import Service
from backoffice_events.messaging.replay import NotRebuildableError

DIFFERENT = 1
NOT_REBUILDABLE = 2


def main(service: Service, group: str) -> int:
    """Rebuild a consumer's projections and compare; return the exit code."""
    spec = next((spec for spec in service.consumers if spec.group == group), None)
    if spec is None or not spec.projections:
        rebuildable = [each.group for each in service.consumers if each.projections]
        known = ", ".join(rebuildable) or "none"
        what = (
            "keeps nothing that follows from its topics alone" if spec else "is no consumer of this service"
        )
        return _refuse(f"{group} {what}. Those of {service.name} that can be rebuilt: {known}.")
    try:
        outcome = asyncio.run(rebuild(service, spec))
    except NotRebuildableError as error:
        return _refuse(str(error))
    _print(asdict(outcome))
    return DIFFERENT if differs(outcome) else 0


def differs(outcome: Outcome) -> bool:
    """Say whether any row is not the same on both sides."""
    return any(comparison.differing for comparison in outcome.comparisons)


def _refuse(why: str) -> int:
    _print({"error": why})
    return NOT_REBUILDABLE


def _print(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
