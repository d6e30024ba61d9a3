"""Which books a caller's token is limited to: a book belongs to the entity that is on record for it today."""

from sqlalchemy import ColumnElement, select, true

from backoffice_chassis import Scope
from trade_capture.reference.tables import book


def in_scope(scope: Scope, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that the book which a column names is in scope. One that is not on record never is."""
    if scope.whole_firm:
        return true()
    return column.in_(select(book.c.book).where(scope.rows(entity_lei=book.c.entity_lei, book=book.c.book)))
