"""Whether the counterparty agrees: from the trade's terms and the set of its confirmations, whatever their order."""

from collections.abc import Iterable
from decimal import Decimal

from backoffice_cli.auditor.model.terms import Terms
from backoffice_events.contracts.counterparty import ConfirmationSent

UNCONFIRMED, CONFIRMED, MISMATCHED = "UNCONFIRMED", "CONFIRMED", "MISMATCHED"

_PRICE_TOLERANCE = Decimal("0.0001")
_AMOUNT_TOLERANCE = Decimal(1)


def agreement(terms: Terms, confirmations: Iterable[ConfirmationSent]) -> str:
    """Return where a trade stands with its counterparty, under the tolerances that a firm starts with."""
    standing = _standing(confirmations)
    own = [each for each in standing if each.counterparty_lei == terms.counterparty] or standing
    if not own:
        return UNCONFIRMED
    return CONFIRMED if len(own) == 1 and _agrees(terms, own[0]) else MISMATCHED


def _standing(confirmations: Iterable[ConfirmationSent]) -> list[ConfirmationSent]:
    """Return the highest version of each reference, each content once."""
    highest: dict[tuple[str, str], list[ConfirmationSent]] = {}
    for each in confirmations:
        name = each.counterparty_lei, each.confirmation_reference
        known = highest.setdefault(name, [each])
        if each.version > known[0].version:
            highest[name] = [each]
        elif each.version == known[0].version and each not in known:
            known.append(each)
    return [each for known in highest.values() for each in known]


def _agrees(terms: Terms, theirs: ConfirmationSent) -> bool:
    ours = (
        *(terms.side.opposite, terms.counterparty, terms.isin, terms.quantity, terms.currency),
        *(terms.trade_date, terms.settlement_date),
    )
    stated = (
        *(theirs.side, theirs.counterparty_lei, theirs.isin, theirs.quantity, theirs.currency),
        *(theirs.trade_date, theirs.settlement_date),
    )
    close = abs(terms.price - theirs.price) <= _PRICE_TOLERANCE
    return ours == stated and close and abs(terms.net - theirs.net_amount) <= _AMOUNT_TOLERANCE
