"""A digest of what a run's trades came to: the same for a disturbed run and an undisturbed one of the same seed.

It leaves out what differs between any two runs: ids that the platform drew, times, and the days on which something was
posted, for when a thing settles may depend on the disturbance; that it does, and to which balance, may not.
"""

from collections.abc import Iterator
from hashlib import blake2b

from backoffice_cli.auditor.picture import Picture, by
from backoffice_cli.auditor.statements.books import books_of


def digest(picture: Picture) -> str:
    """Return the digest of the final books of the run's trades, trade by trade."""
    whole = blake2b(digest_size=16)
    for line in lines(picture):
        whole.update(line.encode() + b"\n")
    return whole.hexdigest()


def lines(picture: Picture) -> Iterator[str]:
    """Yield what is digested, a line for each trade, in the order of their names: to compare two runs by eye."""
    booked = by(picture.evidence.ledger.lines, "trade_id")
    moved = by(picture.evidence.ledger.movements, "trade_id")
    for trade in sorted(picture.trades.values(), key=lambda each: each.key):
        books = books_of(booked.get(trade.trade_id, ()), moved.get(trade.trade_id, ()))
        balances = (
            f"{' '.join(key)} {amount.normalize():f}" for key, amount in sorted(books.balances.items())
        )
        positions = (
            f"{' '.join(key)} {' '.join(f'{number.normalize():f}' for number in numbers)}"
            for key, numbers in sorted(books.positions.items())
        )
        status = trade.row["status"], trade.row["source_version"], trade.row["confirmation_status"]
        yield "|".join([":".join(trade.key), *map(str, status), *balances, *positions])
