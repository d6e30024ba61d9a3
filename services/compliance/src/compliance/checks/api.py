"""Decisions over HTTP: read only; they are made by the checks and by the cases."""

from typing import Annotated

import msgspec
from fastapi import Query
from sqlalchemy import Text, cast, select

from backoffice_chassis import (
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    conflict,
    fetch_page,
    not_found,
    requires,
    scoped,
)
from backoffice_chassis.http.vocabulary import Id
from compliance.checks import scoping
from compliance.checks.domain import Inputs, Status
from compliance.checks.rulings import examine
from compliance.checks.schemas import DecisionRecord, DecisionView, Replay
from compliance.checks.tables import decision, trade
from compliance.permissions import READ_DECISIONS
from compliance.rules import repository as rules

router = Router(prefix="/decisions", tags=["decisions"])

Reader = Annotated[Principal, scoped(READ_DECISIONS)]
Replayer = Annotated[Principal, requires(READ_DECISIONS)]

_SHOWN = [column for column in decision.c if column is not decision.c.inputs]


@router.get("")
async def list_decisions(
    unit: Unit,
    paging: Paging,
    principal: Reader,
    *,
    trade_id: Annotated[Id | None, Query()] = None,
    outcome: Annotated[Status | None, Query()] = None,
    latest: Annotated[bool, Query(description="Only the decision that stands on each trade.")] = False,
) -> Page[DecisionView]:
    """List decisions, the oldest first."""
    query = select(*_SHOWN).where(scoping.in_scope(principal.scope))
    if latest:
        query = query.join(trade, trade.c.decision_id == decision.c.decision_id)
    if trade_id is not None:
        query = query.where(decision.c.trade_id == trade_id)
    if outcome is not None:
        query = query.where(decision.c.status == outcome)
    rows, cursor = await fetch_page(unit.connection, query, (decision.c.decision_id,), paging)
    items = [DecisionView.model_validate(scoping.shown(dict(row._mapping), principal.scope)) for row in rows]
    return Page(items=items, next_cursor=cursor)


@router.get("/{decision_id}")
async def get_decision(decision_id: Id, unit: Unit, principal: Reader) -> DecisionRecord:
    """Show a decision with all that it stood on; to whoever is limited to some books, with its trade alone."""
    query = select(decision).where(decision.c.decision_id == decision_id, scoping.in_scope(principal.scope))
    row = (await unit.connection.execute(query)).one_or_none()
    if row is None:
        raise not_found("decision", decision_id)
    return DecisionRecord.model_validate(scoping.shown(dict(row._mapping), principal.scope))


@router.get("/{decision_id}/replay")
async def replay_decision(decision_id: Id, unit: Unit, _: Replayer) -> Replay:
    """Run the checks again on the stored inputs, under the rules that were approved then."""
    columns = (cast(decision.c.inputs, Text).label("inputs"), decision.c.findings, decision.c.rules_version)
    query = select(*columns).where(decision.c.decision_id == decision_id)
    row = (await unit.connection.execute(query)).one_or_none()
    if row is None:
        raise not_found("decision", decision_id)
    if row.inputs is None:
        raise conflict(
            "decided-by-people", "People decided this: read its case. Only checks can be replayed."
        )
    inputs = msgspec.json.decode(row.inputs, type=Inputs)
    rulebook = await rules.as_approved(unit.connection, row.rules_version)
    findings = msgspec.to_builtins(examine(inputs, rulebook.on(inputs.trade.trade_date)))
    return Replay(same=list(findings) == row.findings, findings=list(findings))
