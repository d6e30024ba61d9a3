"""What waited for a second person before approvals were one mechanism waits in it after the upgrade."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from backoffice_cli.stack.testing import Migrated

pytestmark = pytest.mark.integration

SERVICES = Path(__file__).parents[2] / "services"
Upgraded = Callable[..., Awaitable[list[Any]]]

INSTRUCTION = """
INSERT INTO settlement_instruction_proposal
VALUES (gen_random_uuid(), 'LEI', 'DTCYUS33XXX', '{currency}', 'IRVTUS3NXXX', 'S-1', 'C-2', '2026-12-01', true, 2,
        '{status}', 'mary', now(), {decision})
"""
CASE = """
WITH decided AS (
    INSERT INTO decision (decision_id, trade_id, trade_version, decision_version, status, reasons, findings, inputs,
                          rules_version, decided_at)
    VALUES (gen_random_uuid(), gen_random_uuid(), 1, 1, 'HELD', '[]', '[]', '{}', 0, now()) RETURNING *
), opened AS (
    INSERT INTO compliance_case (case_id, trade_id, trade_version, decision_id, reasons, status, version, proposal,
                                 proposed_by, opened_at)
    SELECT gen_random_uuid(), trade_id, 1, decision_id, '[]', 'PROPOSED', 2, 'RELEASE', 'mary', now() FROM decided
    RETURNING case_id
)
INSERT INTO case_step (case_id, sequence, action, actor, at, reason)
SELECT case_id, 2, 'RELEASE_PROPOSED', 'mary', now(), 'a block trade' FROM opened
"""
RULES = """
WITH changed AS (
    INSERT INTO rule_change (change_id, reason, status, proposed_by, proposed_at)
    VALUES (gen_random_uuid(), 'we advise the issuer', 'PROPOSED', 'mary', now()) RETURNING change_id
)
INSERT INTO rule (rule_id, change_id, kind, subject, valid_from, active, terms)
SELECT gen_random_uuid(), change_id, 'restricted-list', 'US0378331005', '2024-08-01', true,
       '{"kind": "restricted-list", "isin": "US0378331005", "outcome": "block"}'
FROM changed
"""


@pytest.fixture
def upgraded(migrated_database: Migrated) -> Upgraded:
    """Return what makes a database of a service at a revision, fills it, upgrades it, and reads its approvals."""

    async def run(service: str, before: str, *statements: str) -> list[Any]:
        url = await migrated_database.upgraded(SERVICES / service / "migrations", before, *statements)
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            rows = await connection.fetch(
                "SELECT approval.*, array_agg(step.status ORDER BY sequence) AS history"
                " FROM approval JOIN approval_step AS step USING (approval_id)"
                " GROUP BY approval_id ORDER BY kind, object_id"
            )
            return list(rows)
        finally:
            await connection.close()

    return run


async def test_changes_of_settlement_instructions_wait_on_and_keep_their_history(upgraded: Upgraded) -> None:
    rows = await upgraded(
        "trade-capture",
        "0004",
        INSTRUCTION.format(currency="EUR", status="APPROVED", decision="'chen', now(), NULL"),
        INSTRUCTION.format(currency="GBP", status="REJECTED", decision="'mary', now(), 'mine'"),
        INSTRUCTION.format(currency="USD", status="PENDING", decision="NULL, NULL, NULL"),
    )
    assert [(row["object_id"], row["status"], row["history"]) for row in rows] == [
        ("LEI/DTCYUS33XXX/EUR", "APPROVED", ["PROPOSED", "APPROVED"]),
        ("LEI/DTCYUS33XXX/GBP", "WITHDRAWN", ["PROPOSED", "WITHDRAWN"]),
        ("LEI/DTCYUS33XXX/USD", "PROPOSED", ["PROPOSED"]),
    ]


async def test_proposed_cases_and_rules_wait_on(upgraded: Upgraded) -> None:
    case, rules = await upgraded("compliance", "0004", CASE, RULES)
    assert (case["kind"], case["status"], case["reason"]) == ("case-resolution", "PROPOSED", "a block trade")
    assert (rules["kind"], rules["proposed_by"], rules["history"]) == ("rule-change", "mary", ["PROPOSED"])
