"""Which trades' settlements are in scope: by the book and entity that the trade stands in now."""

from sqlalchemy import ColumnElement, exists, true

from backoffice_chassis import Scope
from settlement.processes.tables import settlement


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a settlement is in scope. One whose trade was not seen yet is the whole firm's."""
    return scope.rows(entity_lei=settlement.c.entity_lei, book=settlement.c.book)


def trade_in_scope(trade_id: ColumnElement[str], scope: Scope) -> ColumnElement[bool]:
    """Return the condition that the settlement of the trade which a column names is in scope."""
    if scope.whole_firm:
        return true()
    return exists().where(settlement.c.trade_id == trade_id, in_scope(scope))
