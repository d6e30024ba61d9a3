"""What all reads of the books share: who may read, and one consistent view for several queries."""

from typing import Annotated, Final

from pydantic import StringConstraints
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis import Principal, requires, scoped, shared
from ledger.permissions import READ_BOOKS

Reader = Annotated[Principal, scoped(READ_BOOKS)]
ChartReader = Annotated[Principal, shared(READ_BOOKS)]
"""The chart of accounts belongs to no book."""
Controller = Annotated[Principal, requires(READ_BOOKS)]
"""What proves the books proves all of them, or nothing."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=140, pattern=r"^[^\x00]*$")]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]

_ONE_VIEW: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def hold_view(connection: AsyncConnection) -> None:
    """Let all queries of this transaction see the books at one moment; call it before the first of them."""
    await connection.execute(_ONE_VIEW)
