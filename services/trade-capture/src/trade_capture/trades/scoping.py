"""What somebody whose token is limited to some books may state: trades of those books alone, from first to last."""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import Principal, Problem, Scope
from backoffice_events.contracts.frontoffice import TradeBusted, TradeExecuted
from backoffice_events.messaging import UnitOfWork
from trade_capture.reference.scope import in_scope
from trade_capture.reference.tables import book
from trade_capture.repair.domain import stated_book, statement_type
from trade_capture.trades.domain import ExecutionKey, key_of
from trade_capture.trades.repository import WANTED, lock_executions, same_key, wanted
from trade_capture.trades.submission import Submission
from trade_capture.trades.tables import trade

Books = dict[ExecutionKey, str]

_BOOKS = select(trade.c.source_system, trade.c.trade_reference, trade.c.book).join(WANTED, same_key(trade))


async def require_in_scope(unit: UnitOfWork, principal: Principal, submissions: Sequence[Submission]) -> None:
    """Lock what statements are about. Raises 403 unless all books that they concern are in the caller's scope.

    Concerned are the book that is stated and the one that the trade stands in. What corrects or cancels a trade that
    does not exist is refused with the same words, so that nobody learns which do.
    """
    if principal.scope.whole_firm:
        return
    await lock_executions(unit.connection, [key_of(each.statement) for each in submissions])
    standing = await _standing(unit.connection, submissions)
    concerned = [list(_concerned(each, standing)) for each in submissions]
    named = {name for some in concerned for name in some if name is not None}
    allowed = await _allowed(unit.connection, principal.scope, named)
    for submission, some in zip(submissions, concerned, strict=True):
        if not allowed.issuperset(some):
            raise out_of_scope(principal, key_of(submission.statement))


async def states_scope(connection: AsyncConnection, scope: Scope, event_type: str, payload: bytes) -> bool:
    """Tell whether a message states a book in scope, or has none to state."""
    if scope.whole_firm or statement_type(event_type) is TradeBusted:
        return True
    stated = stated_book(payload)
    return stated is not None and stated in await _allowed(connection, scope, [stated])


def out_of_scope(principal: Principal, key: ExecutionKey) -> Problem:
    """Return 403: what is stated of a trade concerns a book that the token is not for."""
    detail = (
        f"What you state of trade {key.trade_reference!r} concerns a book that your token is not for: it is limited to"
        f" {principal.scope}."
    )
    return Problem(403, "out-of-scope", "Out of scope", detail)


def _concerned(submission: Submission, standing: Books) -> Iterator[str | None]:
    """Yield the books that a statement concerns, None for one that should be there and is not."""
    contract = statement_type(submission.event_type)
    key = key_of(submission.statement)
    if contract is not TradeBusted:
        yield stated_book(submission.payload)
    if contract is not TradeExecuted or key in standing:
        yield standing.get(key)


async def _standing(connection: AsyncConnection, submissions: Sequence[Submission]) -> Books:
    rows = await connection.execute(_BOOKS, wanted([key_of(each.statement) for each in submissions]))
    return {ExecutionKey(row.source_system, row.trade_reference): row.book for row in rows}


async def _allowed(connection: AsyncConnection, scope: Scope, names: Collection[str]) -> set[str]:
    query = select(book.c.book).where(book.c.book.in_(names), in_scope(scope, book.c.book))
    return set(await connection.scalars(query))
