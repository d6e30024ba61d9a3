"""The accounts that travel with a trade: a service that needs none keeps the trade without them."""

from typing import Final

from msgspec.structs import replace

from backoffice_events.contracts.trading import Trade

_WITHHELD: Final = {"safekeeping_account": "", "cash_account": "", "counterparty_account": ""}
"""No account is empty, and no message to a CSD may say so: it cannot be taken for one."""


def without_accounts(trade: Trade) -> Trade:
    """Return a trade as it is, but for its accounts, which are empty: a release that reads trades reads it."""
    return replace(trade, settlement_parties=replace(trade.settlement_parties, **_WITHHELD))
