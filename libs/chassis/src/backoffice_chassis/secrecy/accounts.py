"""The accounts that travel with a trade: kept with it encrypted, beside the rest of it, or not kept at all.

A trade rests as JSON in which they are empty, and they in a column of their own. So the rest is as short as before, and
a sealed value as short as three accounts are.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from backoffice_chassis.secrecy.envelope import KEY_ID_ENDS, DataKey
from backoffice_events.contracts.trading import Trade

_PARTIES: Final = "settlement_parties"
_NAMES: Final = ("safekeeping_account", "cash_account", "counterparty_account")
_WITHHELD: Final = dict.fromkeys(_NAMES, "")
"""No account is empty, and no message to a CSD may say so: it cannot be taken for one."""

_encode = msgspec.json.encode
_decode = msgspec.json.decode


def without_accounts(trade: Trade) -> Trade:
    """Return a trade as it is, but for its accounts, which are empty: a release that reads trades reads it."""
    return replace(trade, settlement_parties=replace(trade.settlement_parties, **_WITHHELD))


def accounts_of(trade: Trade) -> bytes:
    """Return a trade's accounts as they are encrypted: a JSON array."""
    parties = trade.settlement_parties
    return _encode((parties.safekeeping_account, parties.cash_account, parties.counterparty_account))


def with_accounts(trade: Trade, accounts: bytes) -> Trade:
    """Return a trade with the accounts that `accounts_of` returned."""
    safekeeping, cash, theirs = _decode(accounts)
    parties = replace(
        trade.settlement_parties,
        safekeeping_account=safekeeping,
        cash_account=cash,
        counterparty_account=theirs,
    )
    return replace(trade, settlement_parties=parties)


class Place:
    """Where a table keeps the accounts of its trades. key: values of a row's primary key."""

    def __init__(self, table: str, column: str) -> None:
        self._place = (table, column)

    def seal(self, under: DataKey, trade: Trade, *key: str) -> str:
        """Return a trade's accounts encrypted."""
        return under.seal(accounts_of(trade), (*self._place, *key))

    def put_back(self, trade: Trade, sealed: str | None, keys: Mapping[str, DataKey], *key: str) -> Trade:
        """Return a trade with its accounts. Raises UnreadableError.

        sealed: None when they stand in it. keys: as `keys.of_sealed` returns them.
        """
        if sealed is None:
            return trade
        return with_accounts(trade, keys[sealed[:KEY_ID_ENDS]].open(sealed, (*self._place, *key)))


class AccountsOfTrade:
    """What is encrypted of a trade that a column holds, as a JSON document or as its text."""

    def take_out(self, value: Any) -> tuple[Any, Any]:
        """Return the trade without its accounts, and these."""
        if isinstance(value, str):
            rest, accounts = self.take_out(_decode(value))
            return _encode(rest).decode(), accounts
        parties = value[_PARTIES]
        return {**value, _PARTIES: {**parties, **_WITHHELD}}, [parties[name] for name in _NAMES]

    def put_back(self, rest: Any, part: Any) -> Any:
        """Return the trade with its accounts."""
        if isinstance(rest, str):
            return _encode(self.put_back(_decode(rest), part)).decode()
        return {**rest, _PARTIES: {**rest[_PARTIES], **dict(zip(_NAMES, part, strict=True))}}
