"""What must be true after a run, each statement in a function of its own that only looks at the evidence."""

from collections.abc import Callable

from backoffice_cli.auditor.picture import Picture
from backoffice_cli.auditor.report import Statement
from backoffice_cli.auditor.statements import arrival, books, conversation, ends, ledger, letters, once, order

STATEMENTS: tuple[Callable[[Picture], Statement], ...] = (
    *arrival.STATEMENTS,
    *ends.STATEMENTS,
    *once.STATEMENTS,
    *order.STATEMENTS,
    *books.STATEMENTS,
    *ledger.STATEMENTS,
    *conversation.STATEMENTS,
    *letters.STATEMENTS,
)
