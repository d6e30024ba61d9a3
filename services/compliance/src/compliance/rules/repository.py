"""Reads of the approved rules."""

from typing import Any

import msgspec
from sqlalchemy import Row, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from compliance.rules.domain import Rule, Rulebook, Terms
from compliance.rules.tables import rule, rule_change

_terms: msgspec.json.Decoder[Terms] = msgspec.json.Decoder(Terms)

_APPROVALS = select(func.count()).where(rule_change.c.approval.is_not(None))

_APPROVED = (
    select(
        rule.c.rule_id,
        rule.c.valid_from,
        rule.c.valid_to,
        rule.c.active,
        rule_change.c.approval,
        cast(rule.c.terms, Text).label("terms"),
    )
    .join(rule_change, rule_change.c.change_id == rule.c.change_id)
    .where(rule_change.c.approval.is_not(None))
)


class RulebookReader:
    """Reads the approved rules, again only when one more change was approved: rules are only ever added."""

    def __init__(self) -> None:
        self._approvals = -1
        self._rulebook = Rulebook()

    async def current(self, connection: AsyncConnection) -> Rulebook:
        """Return the rules approved so far."""
        approvals = (await connection.execute(_APPROVALS)).scalar_one()
        if approvals != self._approvals:
            # Of so many approvals alone: one more since the count would decide under a number that replays without it.
            self._rulebook = await as_approved(connection, approvals)
            self._approvals = approvals
        return self._rulebook


def _rule(row: Row[Any]) -> Rule:
    return Rule(
        rule_id=row.rule_id,
        terms=_terms.decode(row.terms),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        active=row.active,
        approval=row.approval,
    )


async def as_approved(connection: AsyncConnection, version: int) -> Rulebook:
    """Return the rules as they were when so many changes had been approved."""
    rows = await connection.execute(_APPROVED.where(rule_change.c.approval <= version))
    return Rulebook([_rule(row) for row in rows], version)
