"""Which part of the firm's books a caller may see: some of its legal entities, some of its books."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, true


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller is limited to. entities: LEIs of the firm's own legal entities. books: ids of books. None: all.

    A row is in scope when its entity and its book both are; one that names none of a kind that is limited is not.
    """

    entities: AbstractSet[str] | None = None
    books: AbstractSet[str] | None = None

    @property
    def whole_firm(self) -> bool:
        """Tell whether nothing is out of scope."""
        return self.entities is None and self.books is None

    def rows(self, *, entity_lei: ColumnElement[str] | None, book: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition that a row with these columns is in scope. entity_lei None: it names no entity."""
        return and_(_within(entity_lei, self.entities), _within(book, self.books))

    def __str__(self) -> str:
        named = (("entities", self.entities), ("books", self.books))
        limits = (f"the {what} {', '.join(sorted(some))}" for what, some in named if some is not None)
        return " and ".join(limits)


def _within(column: ColumnElement[str] | None, some: AbstractSet[str] | None) -> ColumnElement[bool]:
    if some is None:
        return true()
    return false() if column is None else column.in_(sorted(some))


WHOLE_FIRM = Scope()
