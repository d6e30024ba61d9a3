"""The accounts of a trade on their way: encrypted in its event by trade-capture, opened by settlement.

The two share the keys. Brokers, disks, logs and whoever else reads the topic are given none.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice_chassis.secrecy.accounts import accounts_of, with_accounts, without_accounts
from backoffice_chassis.secrecy.envelope import DataKey
from backoffice_chassis.secrecy.errors import MissingKeyError, UnreadableError
from backoffice_chassis.secrecy.keys import options_of
from backoffice_chassis.secrecy.ring import is_version, parsed
from backoffice_events.contracts.trading import TRADING_TRADES, Trade, TradeEvent

_EVENT_KEYS: Final = "backoffice_event_keys"
_Event = TypeVar("_Event", bound=TradeEvent)


class EventKeys:
    """The keys by version. The first encrypts; the others only decrypt what they once encrypted."""

    def __init__(self, text: str) -> None:
        self._keys = {str(version): DataKey(str(version), key) for version, key in parsed(text).items()}
        self._current = next(iter(self._keys.values()))

    def seal(self, value: bytes, place: Sequence[str]) -> str:
        """Return a value encrypted, the version of its key in it."""
        return self._current.seal(value, place)

    def open(self, sealed: str, place: Sequence[str]) -> bytes:
        """Return the value. Raises MissingKeyError and UnreadableError."""
        version = sealed.partition(":")[2].partition(":")[0]
        if version in self._keys:
            return self._keys[version].open(sealed, place)
        if is_version(version):
            raise MissingKeyError(
                f"The accounts of an event are encrypted by key {version}, which BACKOFFICE_EVENT_KEYS lacks."
            )
        raise UnreadableError("The accounts of an event name no key: they were changed.")


def with_event_keys(keys: EventKeys | None) -> dict[str, Any]:
    """Return an engine's execution options, by which its connections encrypt and decrypt events' accounts."""
    return {_EVENT_KEYS: keys}


def event_keys_of(connection: AsyncConnection) -> EventKeys | None:
    """Return the keys that a connection's engine was opened with; None when it was without."""
    return options_of(connection).get(_EVENT_KEYS)


def sealed(event: _Event, keys: EventKeys | None) -> _Event:
    """Return an event with its trade's accounts encrypted; as it is without keys."""
    if keys is None:
        return event
    trade = event.trade
    return replace(
        event,
        trade=without_accounts(trade),
        sealed_accounts=keys.seal(accounts_of(trade), _place(trade)),
    )


def opened(event: TradeEvent, keys: EventKeys | None) -> Trade:
    """Return an event's trade with its accounts. Raises MissingKeyError and UnreadableError."""
    if event.sealed_accounts is None:
        return event.trade
    if keys is None:
        raise MissingKeyError(
            "The accounts of an event are encrypted, and BACKOFFICE_EVENT_KEYS was not given."
        )
    return with_accounts(event.trade, keys.open(event.sealed_accounts, _place(event.trade)))


def _place(trade: Trade) -> Sequence[str]:
    return TRADING_TRADES.name, "sealed_accounts", trade.trade_id, str(trade.version)
