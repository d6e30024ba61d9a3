"""How a trade is confirmed: decided by seed and trade alone, so that a restart changes nothing. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from msgspec.structs import replace

from backoffice_events.contracts.counterparty import ConfirmationSent
from simulators.counterparties.confirming import Dealt
from simulators.ids import lasting_id, milliseconds

_ONE_DAY = timedelta(days=1)


class Manner(StrEnum):
    """How a trade is confirmed."""

    PROPER = "proper"
    EARLY = "early"
    LATE = "late"
    NEVER = "never"
    TWICE = "twice"
    DIFFERENT = "different"
    CORRECTED = "corrected"


class When(StrEnum):
    """How long something takes."""

    AT_ONCE = "at once"
    IN_TIME = "in time"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Rates:
    """Share of trades that are confirmed in each manner; the rest are confirmed properly."""

    early: Decimal = Decimal(0)
    late: Decimal = Decimal(0)
    never: Decimal = Decimal(0)
    twice: Decimal = Decimal(0)
    different: Decimal = Decimal(0)
    corrected: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Refuse rates that sum to more than one."""
        if self.early + self.late + self.never + self.twice + self.different + self.corrected > 1:
            raise ValueError("the rates sum to more than 1: a trade is confirmed in one manner")

    def manner(self, draw: Decimal) -> Manner:
        """Return the manner for a draw between 0 and 1."""
        for name in self.__slots__:
            share: Decimal = getattr(self, name)
            if draw < share:
                return Manner(name)
            draw -= share
        return Manner.PROPER


class Sending(NamedTuple):
    """A confirmation to send. event_id: always the same for the same sending, so that a restart repeats none."""

    when: When
    confirmation: ConfirmationSent
    event_id: str


class Behaviour:
    """Draws each trade's fate."""

    def __init__(self, rates: Rates, seed: str) -> None:
        self._rates = rates
        self._seed = seed

    def sendings(self, dealt: Dealt) -> Iterator[Sending]:
        """Return what is sent for a trade."""
        right, since = dealt.right, milliseconds(dealt.executed_at)
        draw, kind = self._draw(right)
        match manner := self._rates.manner(draw):
            case Manner.NEVER:
                return
            case Manner.EARLY:
                yield _sending(When.AT_ONCE, right, since)
            case Manner.LATE:
                yield _sending(When.LATE, right, since)
            case Manner.TWICE:
                yield _sending(When.IN_TIME, right, since)
                yield _sending(When.LATE, right, since, copy=kind % 2)
            case Manner.DIFFERENT | Manner.CORRECTED:
                yield _sending(When.IN_TIME, different(right, kind), since)
                if manner is Manner.CORRECTED:
                    yield _sending(When.LATE, replace(right, version=right.version + 1), since)
            case _:
                yield _sending(When.IN_TIME, right, since)

    def _draw(self, right: ConfirmationSent) -> tuple[Decimal, int]:
        text = f"{self._seed}|{right.source_system}|{right.trade_reference}"
        digest = hashlib.sha256(text.encode()).digest()
        return Decimal(int.from_bytes(digest[:6], "big")) / (1 << 48), digest[6]


def different(right: ConfirmationSent, kind: int) -> ConfirmationSent:
    """Return the confirmation with one thing wrong, chosen by `kind`."""
    match kind % 6:
        case 0:
            return replace(right, price=right.price + Decimal("0.25"))
        case 1:
            return replace(right, quantity=right.quantity * 10)
        case 2:
            return replace(right, net_amount=right.net_amount + Decimal("25.00"))
        case 3:
            return replace(right, settlement_date=right.settlement_date + _ONE_DAY)
        case 4:
            return replace(right, side=right.side.opposite)
        case _:
            return replace(right, trade_date=right.trade_date - _ONE_DAY)


def _sending(when: When, confirmation: ConfirmationSent, since: int, *, copy: int = 0) -> Sending:
    """copy: 0 repeats an event under its id, 1 sends the same content as an event of its own."""
    name = (
        f"{confirmation.counterparty_lei}|{confirmation.confirmation_reference}|{confirmation.version}|{copy}"
    )
    return Sending(when, confirmation, lasting_id(name, since))
