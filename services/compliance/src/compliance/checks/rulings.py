"""Each check by itself: inputs and the rules of the trade date in, findings out."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Context, Decimal
from typing import TypeVar

from backoffice_events.contracts.hr import EmploymentStatus
from compliance.checks.domain import Check, Finding, Inputs
from compliance.reference.domain import employment_on, licensed_on
from compliance.rules.domain import (
    ANY,
    DuplicatePolicy,
    OrderScope,
    OrderValueLimit,
    Outcome,
    PositionLimit,
    PriceTolerance,
    RestrictedListEntry,
    Rule,
    RulesInForce,
    ScreeningPolicy,
    Terms,
    Whitelisting,
)
from compliance.screening.domain import Match

DEFAULT_SCREENING_POLICY = ScreeningPolicy(threshold=Decimal(80))
"""Holds while the firm has not set its own; the README shows how the threshold was measured."""

_RATIO = Context(prec=12)
_ORDER_SCOPES = tuple(scope.value for scope in OrderScope)


def examine(inputs: Inputs, rules: RulesInForce) -> tuple[Finding, ...]:
    """Run every check."""
    return tuple(finding for check in _CHECKS for finding in check(inputs, rules))


def _restricted_list(inputs: Inputs, rules: RulesInForce) -> Iterator[Finding]:
    rule = rules.restricted.get(inputs.trade.isin)
    if rule is None:
        yield Finding(
            check=Check.RESTRICTED_LIST, outcome=Outcome.PASS, evidence="not on the restricted list"
        )
        return
    terms = _terms(rule, RestrictedListEntry)
    evidence = f"{terms.isin} is on the restricted list since {rule.valid_from}"
    yield _finding(Check.RESTRICTED_LIST, terms.outcome, evidence, rule)


def _watch_list(inputs: Inputs, rules: RulesInForce) -> Iterator[Finding]:
    rule = rules.watched.get(inputs.trade.isin)
    if rule is not None:
        evidence = f"{inputs.trade.isin} is on the watch list since {rule.valid_from}: noted for surveillance"
        yield _finding(Check.WATCH_LIST, Outcome.PASS, evidence, rule)


def _sanctions(inputs: Inputs, rules: RulesInForce) -> Iterator[Finding]:
    if inputs.screening is None:
        return
    rule = rules.screening
    policy = DEFAULT_SCREENING_POLICY if rule is None else _terms(rule, ScreeningPolicy)
    for required in policy.required_lists:
        if required not in inputs.screening.lists:
            evidence = f"required list {required} is not loaded; load it, then release the case"
            yield _finding(Check.SANCTIONS, Outcome.HOLD, evidence, rule)
    hits = _hits(inputs, policy, rules)
    if hits:
        best = max(hits, key=lambda match: match.score)
        evidence = (
            f"{inputs.trade.counterparty_name} resembles {best.name} ({best.list_kind} {best.entry_id}):"
            f" score {best.score}, threshold {policy.threshold}; {len(hits)} in all"
        )
        yield _finding(Check.SANCTIONS, Outcome.HOLD, evidence, rule)
    elif not inputs.screening.lists:
        yield _finding(Check.SANCTIONS, Outcome.WARN, "no sanctions list is loaded", rule)
    else:
        yield _finding(Check.SANCTIONS, Outcome.PASS, f"no match scores {policy.threshold} or more", rule)


def _hits(inputs: Inputs, policy: ScreeningPolicy, rules: RulesInForce) -> Sequence[Match]:
    screening = inputs.screening
    if screening is None:
        return ()
    likely = [match for match in screening.matches if match.score >= policy.threshold]
    return [match for match in likely if not _whitelisted(inputs, match, rules)]


def _whitelisted(inputs: Inputs, match: Match, rules: RulesInForce) -> bool:
    rule = rules.whitelistings.get((inputs.trade.counterparty_lei, match.list_kind, match.entry_id))
    if rule is None or inputs.screening is None:
        return False
    terms = _terms(rule, Whitelisting)
    looked_at = (terms.counterparty_digest, terms.entry_digest)
    return looked_at == (inputs.screening.counterparty.digest, match.entry_digest)


def _employment(inputs: Inputs, _: RulesInForce) -> Iterator[Finding]:
    if inputs.employee is None:
        return
    day = inputs.trade.trade_date
    status = employment_on(inputs.employee, day)
    employed = status is EmploymentStatus.EMPLOYED
    was = "not yet employed" if status is None else status.value.replace("_", " ").lower()
    yield Finding(
        check=Check.EMPLOYMENT,
        outcome=Outcome.PASS if employed else Outcome.HOLD,
        evidence=f"trader {inputs.trade.trader} was {was} on {day} (record {inputs.employee.version})",
    )


def _licence(inputs: Inputs, _: RulesInForce) -> Iterator[Finding]:
    if inputs.employee is None:
        return
    trade = inputs.trade
    licensed = licensed_on(inputs.employee, trade.instrument_type, trade.trade_date)
    yield Finding(
        check=Check.LICENCE,
        outcome=Outcome.PASS if licensed else Outcome.HOLD,
        evidence=f"trader {trade.trader} was {'' if licensed else 'not '}licensed for {trade.instrument_type}"
        f" on {trade.trade_date} (record {inputs.employee.version})",
    )


def _order_value(inputs: Inputs, rules: RulesInForce) -> Iterator[Finding]:
    trade = inputs.trade
    names = (ANY, trade.book, trade.trader, str(trade.instrument_type))
    scopes = zip(_ORDER_SCOPES, names, strict=True)
    limits = [rule for scope, name in scopes for rule in rules.order_limits(scope, name, trade.currency)]
    for rule in limits:
        terms = _terms(rule, OrderValueLimit)
        breached = trade.gross_amount > terms.limit
        word = "exceeds" if breached else "within"
        evidence = f"{trade.gross_amount:f} {trade.currency} {word} {terms.scope} limit {terms.limit:f}"
        yield _finding(Check.ORDER_VALUE, terms.outcome if breached else Outcome.PASS, evidence, rule)
    if not limits:
        yield Finding(
            check=Check.ORDER_VALUE, outcome=Outcome.PASS, evidence=f"no limit in {trade.currency} in force"
        )


def _position_limit(inputs: Inputs, rules: RulesInForce) -> Iterator[Finding]:
    currency = inputs.trade.currency
    for exposure in inputs.exposures:
        for rule in rules.position_limits(exposure.scope, exposure.name, currency):
            terms = _terms(rule, PositionLimit)
            # A trade that does not enlarge the position never breaches: getting out of a breach must stay
            # possible.
            breached = exposure.after > terms.limit and exposure.after > exposure.before
            evidence = (
                f"{exposure.scope} {exposure.name}: gross {exposure.after:f} {currency}"
                f" {'exceeds' if breached else 'against'} limit {terms.limit:f}"
            )
            yield _finding(Check.POSITION_LIMIT, terms.outcome if breached else Outcome.PASS, evidence, rule)


def _price_tolerance(inputs: Inputs, rules: RulesInForce) -> Iterator[Finding]:
    rule, instrument, trade = (
        rules.tolerances.get(inputs.trade.instrument_type),
        inputs.instrument,
        inputs.trade,
    )
    if rule is None or instrument is None:
        return
    reference = instrument.reference_price
    if reference is None or reference <= 0 or instrument.currency != trade.currency:
        evidence = f"no reference price in {trade.currency} to hold {trade.price:f} against"
        yield _finding(Check.PRICE_TOLERANCE, Outcome.WARN, evidence, rule)
        return
    terms = _terms(rule, PriceTolerance)
    apart = abs(trade.price - reference) * 100
    breached = apart > terms.percent * reference
    evidence = (
        f"{trade.price:f} is {_RATIO.divide(apart, reference):.4f} % from {reference:f}"
        f" of {instrument.price_date}; tolerance {terms.percent:f} %"
    )
    yield _finding(Check.PRICE_TOLERANCE, terms.outcome if breached else Outcome.PASS, evidence, rule)


def _duplicate(inputs: Inputs, rules: RulesInForce) -> Iterator[Finding]:
    if not inputs.duplicates:
        yield Finding(check=Check.DUPLICATE, outcome=Outcome.PASS, evidence="no trade with the same terms")
        return
    rule = rules.duplicates
    outcome = Outcome.HOLD if rule is None else _terms(rule, DuplicatePolicy).outcome
    evidence = f"same terms and execution time as {', '.join(inputs.duplicates[:5])}"
    yield _finding(Check.DUPLICATE, outcome, evidence, rule)


def _missing_reference(inputs: Inputs, _: RulesInForce) -> Iterator[Finding]:
    missing = inputs.missing()
    if missing:
        evidence = f"not known to compliance by the deadline: {', '.join(missing)}"
        yield Finding(check=Check.MISSING_REFERENCE, outcome=Outcome.HOLD, evidence=evidence)


_CHECKS: tuple[Callable[[Inputs, RulesInForce], Iterator[Finding]], ...] = (
    _restricted_list,
    _watch_list,
    _sanctions,
    _employment,
    _licence,
    _order_value,
    _position_limit,
    _price_tolerance,
    _duplicate,
    _missing_reference,
)


def _finding(check: Check, outcome: Outcome, evidence: str, rule: Rule | None) -> Finding:
    return Finding(check=check, outcome=outcome, evidence=evidence, rule_id=rule.rule_id if rule else None)


T = TypeVar("T", bound=Terms)


def _terms(rule: Rule, kind: type[T]) -> T:
    """Return the rule's terms as what the rulebook filed them under."""
    if not isinstance(rule.terms, kind):
        raise TypeError(f"rule {rule.rule_id} is no {kind.__name__}")
    return rule.terms
