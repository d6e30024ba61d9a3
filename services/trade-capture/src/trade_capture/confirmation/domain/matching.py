"""Does what a counterparty states agree with what was captured?

The outcome depends on the trade and on the set of confirmations alone, never on the order they came in. Of each
confirmation reference the highest version stands. Those of the trade's own counterparty decide; others are looked at
only while there is none of its own. More than one standing confirmation is ambiguous and needs a person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from backoffice_events.contracts.trading import Difference
from backoffice_events.contracts.vocabulary import Side
from trade_capture.confirmation.domain.tolerance import TolerancedField, ToleranceProfiles
from trade_capture.trades.domain.numbers import EXACT


class ConfirmationStatus(StrEnum):
    """Where a trade version stands with its counterparty."""

    UNCONFIRMED = "UNCONFIRMED"
    CONFIRMED = "CONFIRMED"
    MISMATCHED = "MISMATCHED"


class OurSide(NamedTuple):
    """The terms of a trade that both parties must agree on."""

    trade_id: str
    trade_version: int
    counterparty_lei: str
    side: Side
    isin: str
    quantity: Decimal
    price: Decimal
    currency: str
    net_amount: Decimal
    trade_date: date
    settlement_date: date


class Confirmation(NamedTuple):
    """What a counterparty stated of an execution. fingerprint: of its content as it was written. side: its own."""

    confirmation_id: str
    fingerprint: str
    counterparty_lei: str
    confirmation_reference: str
    version: int
    side: Side
    isin: str
    quantity: Decimal
    price: Decimal
    currency: str
    net_amount: Decimal
    trade_date: date
    settlement_date: date

    def statement(self) -> tuple[object, ...]:
        """Return what is stated, without the id that we gave it."""
        return tuple(self[2:])


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody's word that a confirmation holds although it differs, or although it is not the only one.

    standing: ids of the confirmations that stood at the time. The acceptance ends when others stand.
    """

    trade_version: int
    confirmation_id: str
    standing: frozenset[str]
    accepted_by: str


class Outcome(Struct, frozen=True):
    """Where a trade version stands, and by which confirmation; None while there is none."""

    status: ConfirmationStatus
    confirmation: Confirmation | None = None
    differences: tuple[Difference, ...] = ()
    accepted_by: str | None = None


UNCONFIRMED = Outcome(ConfirmationStatus.UNCONFIRMED)


def standing(confirmations: Sequence[Confirmation]) -> Sequence[Confirmation]:
    """Return the highest version of each reference, by counterparty, reference and content.

    Two different contents under one version both stand: which one came first must not matter.
    """
    if len(confirmations) <= 1:
        return confirmations
    highest: dict[tuple[str, str], int] = {}
    for each in confirmations:
        reference = (each.counterparty_lei, each.confirmation_reference)
        highest[reference] = max(each.version, highest.get(reference, each.version))
    distinct = {
        each.statement(): each
        for each in sorted(confirmations, key=_content_order)
        if each.version == highest[each.counterparty_lei, each.confirmation_reference]
    }
    return list(distinct.values())


def candidates(ours: OurSide, confirmations: Sequence[Confirmation]) -> Sequence[Confirmation]:
    """Return the standing confirmations that can speak for a trade."""
    all_standing = standing(confirmations)
    own = [each for each in all_standing if each.counterparty_lei == ours.counterparty_lei]
    return own or all_standing


def match(
    ours: OurSide,
    confirmations: Sequence[Confirmation],
    tolerances: ToleranceProfiles,
    acceptances: Sequence[Acceptance] = (),
) -> Outcome:
    """Return where the trade version stands with these confirmations."""
    stand = candidates(ours, confirmations)
    if not stand:
        return UNCONFIRMED
    spokesman = stand[-1]
    found = differences(ours, spokesman, tolerances) if len(stand) == 1 else (_ambiguous(stand),)
    if not found:
        return Outcome(ConfirmationStatus.CONFIRMED, spokesman)
    return _accepted(ours, stand, tolerances, acceptances) or Outcome(
        ConfirmationStatus.MISMATCHED, spokesman, found
    )


def differences(ours: OurSide, theirs: Confirmation, tolerances: ToleranceProfiles) -> tuple[Difference, ...]:
    """Return every field on which the two sides disagree by more than they may."""
    found = []
    if theirs.side is not ours.side.opposite:
        found.append(
            Difference(field="side", ours=ours.side, theirs=theirs.side, reason="must be the opposite")
        )
    for field in ("counterparty_lei", "isin", "quantity", "currency", "trade_date", "settlement_date"):
        mine, their = getattr(ours, field), getattr(theirs, field)
        if mine != their:
            found.append(_difference(field, mine, their, "must be equal"))
    for toleranced in TolerancedField:
        mine, their = getattr(ours, toleranced), getattr(theirs, toleranced)
        if mine != their:
            tolerance = tolerances.tolerance(ours.counterparty_lei, toleranced, ours.trade_date)
            if not tolerance.allows(mine, their):
                found.append(_difference(toleranced, mine, their, tolerance.described()))
    return tuple(found)


def _difference(field: str, ours: object, theirs: object, reason: str) -> Difference:
    return Difference(field=str(field), ours=_text(ours), theirs=_text(theirs), reason=reason)


def _text(value: object) -> str:
    return f"{EXACT.normalize(value):f}" if isinstance(value, Decimal) else str(value)


def _ambiguous(stand: Sequence[Confirmation]) -> Difference:
    references = ", ".join(f"{each.confirmation_reference} version {each.version}" for each in stand)
    reason = "more than one confirmation stands: somebody has to accept the one that holds"
    return Difference(field="confirmation_reference", ours="one", theirs=references, reason=reason)


def _accepted(
    ours: OurSide,
    stand: Sequence[Confirmation],
    tolerances: ToleranceProfiles,
    acceptances: Iterable[Acceptance],
) -> Outcome | None:
    ids = {each.confirmation_id: each for each in stand}
    for acceptance in acceptances:
        if acceptance.trade_version == ours.trade_version and acceptance.standing == ids.keys():
            accepted = ids[acceptance.confirmation_id]
            found = differences(ours, accepted, tolerances)
            return Outcome(ConfirmationStatus.CONFIRMED, accepted, found, acceptance.accepted_by)
    return None


def _content_order(each: Confirmation) -> tuple[str, ...]:
    return tuple(str(part) for part in each.statement())
