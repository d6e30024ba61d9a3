"""Which decisions are in scope, by the trade that they judged; and what of one concerns the firm beyond that."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Text, and_, exists, func, literal_column, null, or_, true

from backoffice_chassis import Scope
from compliance.checks.domain import Check
from compliance.checks.tables import decision

_ACROSS_BOOKS = frozenset({Check.POSITION_LIMIT, Check.DUPLICATE})
_BEYOND = "not shown: it looks beyond your books"


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a decision is in scope; what people decided is of the trade that was held."""
    if scope.whole_firm:
        return true()
    held = decision.alias("held")
    same_trade = and_(
        held.c.trade_id == decision.c.trade_id, held.c.trade_version == decision.c.trade_version
    )
    by_people = and_(decision.c.inputs.is_(null()), exists().where(same_trade, _judged(held, scope)))
    return or_(_judged(decision, scope), by_people)


def opened_in_scope(decision_id: ColumnElement[str], scope: Scope) -> ColumnElement[bool]:
    """Return the condition that the decision of the checks which a column names is in scope."""
    if scope.whole_firm:
        return true()
    held = decision.alias("held")
    return exists().where(held.c.decision_id == decision_id, _judged(held, scope))


def _judged(decisions: FromClause, scope: Scope) -> ColumnElement[bool]:
    book = func.coalesce(decisions.c.book, _of_trade(decisions, "book"))  # as decision_book indexes it
    return scope.rows(entity_lei=_of_trade(decisions, "entity_lei"), book=book)


def _of_trade(decisions: FromClause, name: str) -> ColumnElement[str]:
    """Return a field of the judged trade, its name as a constant: only so does the index on books serve."""
    path = (literal_column("'trade'", Text), literal_column(f"'{name}'", Text))
    return func.json_extract_path_text(decisions.c.inputs, *path, type_=Text)


def shown(row: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Return a decision as a caller may see it: other books' positions and trades are left out for limited ones."""
    if scope.whole_firm:
        return row
    findings = [
        {**finding, "evidence": _BEYOND} if finding["check"] in _ACROSS_BOOKS else finding
        for finding in row["findings"]
    ]
    inputs = row.get("inputs")
    return {**row, "findings": findings, "inputs": inputs and {"trade": inputs["trade"]}}
