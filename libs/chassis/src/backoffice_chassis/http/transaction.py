"""One request, one transaction: opened when first asked for, ended by the edge alone."""

from contextlib import AsyncExitStack

from backoffice_events.messaging import Transactions, UnitOfWork


class RequestTransaction:
    """The transaction of one request. Endpoints get its unit of work; only the route class commits or closes it."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._open = AsyncExitStack()
        self._unit: UnitOfWork | None = None

    async def open(self) -> UnitOfWork:
        """Return the unit of work. The first call takes a connection and begins."""
        if self._unit is None:
            self._unit = await self._open.enter_async_context(self._transactions.begin())
        return self._unit

    async def commit(self) -> None:
        """Write the events beside the state, and commit both. Nothing to do when no transaction was opened."""
        await self._open.aclose()
        self._unit = None

    async def close(self) -> None:
        """Give the connection back; what was not committed is rolled back."""
        if self._unit is not None:
            self._unit.rollback_only = True
        await self._open.aclose()
