"""Rules over HTTP: read by date, changed by two people."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy import Select, Subquery, select
from sqlalchemy.dialects.postgresql import distinct_on

from backoffice_chassis import (
    Audit,
    FieldError,
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    audits,
    fetch_page,
    invalid,
    not_found,
    requires,
)
from backoffice_chassis.approvals.schemas import ApprovalView
from backoffice_chassis.http.vocabulary import Day, Id, ShortText
from backoffice_events.messaging import UnitOfWork
from compliance.permissions import CHANGE_RULES, READ_RULES
from compliance.rules import changes
from compliance.rules.changes import ProposedRule
from compliance.rules.schemas import (
    ChangeProposal,
    ChangeStory,
    ChangeView,
    RuleView,
    Whitelisting,
    terms_of,
)
from compliance.rules.tables import rule, rule_change
from compliance.screening import repository as screening

router = Router(tags=["rules"])

Officer = Annotated[Principal, requires(CHANGE_RULES)]
Reader = Annotated[Principal, requires(READ_RULES)]
Recorder = Annotated[Audit, audits("rule-change")]


@router.get("/rules")
async def list_rules(
    unit: Unit,
    paging: Paging,
    _: Reader,
    *,
    kind: Annotated[ShortText | None, Query()] = None,
    subject: Annotated[ShortText | None, Query()] = None,
    on: Annotated[Day | None, Query(description="Only those in force on this trade date.")] = None,
) -> Page[RuleView]:
    """List approved rules: all there ever were, or those in force on a date."""
    approved = select(rule).join(rule_change).where(rule_change.c.approval.is_not(None))
    found = approved.subquery("found") if on is None else _standing(approved, on)
    query = select(found)
    if on is not None:
        query = query.where(found.c.active)
    if kind is not None:
        query = query.where(found.c.kind == kind)
    if subject is not None:
        query = query.where(found.c.subject == subject)
    rows, cursor = await fetch_page(unit.connection, query, (found.c.rule_id,), paging)
    return Page(items=[RuleView.model_validate(row._mapping) for row in rows], next_cursor=cursor)


def _standing(approved: Select[Any], on: date) -> Subquery:
    """Return the row that stands on a date for each kind and subject, as `compliance.rules.domain.standing` has it."""
    begins = (rule.c.kind, rule.c.subject, rule.c.valid_from)
    corrected = approved.where(rule.c.valid_from <= on).order_by(*begins, rule_change.c.approval.desc())
    rows = corrected.ext(distinct_on(*begins)).subquery("rows")
    valid = select(rows).where(rows.c.valid_to.is_(None) | (rows.c.valid_to >= on))
    newest = valid.order_by(rows.c.kind, rows.c.subject, rows.c.valid_from.desc())
    return newest.ext(distinct_on(rows.c.kind, rows.c.subject)).subquery("found")


@router.post("/rule-changes", status_code=201)
async def propose_change(
    proposal: ChangeProposal, unit: Unit, principal: Officer, audit: Recorder, response: Response
) -> ApprovalView:
    """Propose rules. They take effect when another compliance officer approves (`/approvals`)."""
    rules = await _rules(unit, proposal)
    made = await changes.propose(unit, rules, proposal.reason, principal.subject)
    await audit.record(unit, made.approval_id, after=made)
    response.headers["Location"] = f"/approvals/{made.approval_id}"
    return ApprovalView.model_validate(made)


@router.get("/rule-changes")
async def list_changes(unit: Unit, paging: Paging, _: Reader) -> Page[ChangeView]:
    """List the changes that were approved, the oldest first. What waits for approval: `/approvals`."""
    query = select(rule_change).where(rule_change.c.approval.is_not(None))
    rows, cursor = await fetch_page(unit.connection, query, (rule_change.c.change_id,), paging)
    return Page(items=[ChangeView.model_validate(row._mapping) for row in rows], next_cursor=cursor)


@router.get("/rule-changes/{change_id}")
async def get_change(change_id: Id, unit: Unit, _: Reader) -> ChangeStory:
    """Show a change that was approved, with its rules."""
    return await _story(unit, change_id)


async def _rules(unit: UnitOfWork, proposal: ChangeProposal) -> Sequence[ProposedRule]:
    rules, errors = [], []
    stated: dict[tuple[str, str, date], int] = {}
    for number, each in enumerate(proposal.rules):
        known: dict[str, str] | None = {}
        if isinstance(each, Whitelisting):
            known = await screening.digests(unit.connection, each.lei, each.list_kind, each.entry_id)
        if known is None:
            reason = "names a counterparty or list entry that is not known: take both from a screening"
            errors.append(FieldError(f"/body/rules/{number}", reason, "unknown"))
            continue
        terms = terms_of(each, **known)
        first = stated.setdefault((each.kind, terms.subject, each.valid_from), number)
        # Of two with one first day the last approved stands, and these are approved together.
        if first != number:
            reason = f"says of {terms.subject} from {each.valid_from} on what rule {first} of this change says already"
            errors.append(FieldError(f"/body/rules/{number}", reason, "repeated"))
            continue
        rules.append(
            ProposedRule(
                kind=each.kind,
                subject=terms.subject,
                valid_from=each.valid_from,
                valid_to=each.valid_to,
                active=each.active,
                terms=terms,
            )
        )
    if errors:
        raise invalid(errors)
    return rules


async def _story(unit: UnitOfWork, change_id: str) -> ChangeStory:
    query = select(rule_change).where(
        rule_change.c.change_id == change_id, rule_change.c.approval.is_not(None)
    )
    row = (await unit.connection.execute(query)).one_or_none()
    if row is None:
        raise not_found("rule change", change_id)
    rules = await unit.connection.execute(
        select(rule).where(rule.c.change_id == change_id).order_by(rule.c.rule_id)
    )
    views = [RuleView.model_validate(each._mapping) for each in rules]
    return ChangeStory.model_validate({**row._mapping, "rules": views})
