"""Dead letters: list them, look at one, redrive, propose to discard, and see what people did with them."""

import base64
from typing import Annotated, Any

from fastapi import Query, Request, Response
from sqlalchemy import Row

from backoffice_chassis.approvals import store
from backoffice_chassis.approvals.dead_letters import NAME, require_in_turn
from backoffice_chassis.approvals.schemas import ApprovalView
from backoffice_chassis.http.idempotency import refuse_key
from backoffice_chassis.http.paging import Page, PageRequest, Paging, fetch_page
from backoffice_chassis.http.problems import FieldError, conflict, invalid, not_found
from backoffice_chassis.http.routing import Router, Unit, unit_of_work
from backoffice_chassis.http.vocabulary import Id
from backoffice_chassis.messaging_api.access import Operator, Reader, Recorder, by
from backoffice_chassis.messaging_api.schemas import (
    ActionsWanted,
    ActionTaken,
    DeadLetter,
    DeadLetterInFull,
    Handled,
    HandledSelection,
    Selection,
    Wanted,
    Why,
    handled,
)
from backoffice_chassis.resources import resources_of
from backoffice_events.messaging import UnitOfWork, actions, dead_letters
from backoffice_events.messaging.actions import Action, By
from backoffice_events.messaging.headers import unpack
from backoffice_events.messaging.tables import dead_letter, dead_letter_action

router = Router(prefix="/messaging", tags=["messaging"])


@router.get("/dead-letters")
async def list_dead_letters(
    unit: Unit, paging: Paging, _: Reader, wanted: Annotated[Wanted, Query()]
) -> Page[DeadLetter]:
    """List dead letters, oldest first."""
    chosen = dead_letters.Filter(**wanted.model_dump())
    order = (dead_letter.c.seq,)
    rows, cursor = await fetch_page(unit.connection, dead_letters.query(chosen), order, paging)
    return Page(items=[DeadLetter(**_summary(row)) for row in rows], next_cursor=cursor)


@router.get("/dead-letters/{dead_letter_id}")
async def get_dead_letter(dead_letter_id: Id, unit: Unit, _: Operator) -> DeadLetterInFull:
    """Show a dead letter with the original bytes and headers."""
    rows = await dead_letters.listed(unit.connection, dead_letters.Filter(ids=[dead_letter_id]))
    if not rows:
        raise not_found("dead letter", dead_letter_id)
    value, encoding = _text(rows[0].value)
    headers = [(name, _text(content)[0] or "") for name, content in unpack(rows[0].headers)]
    return DeadLetterInFull(**_summary(rows[0]), value=value, value_encoding=encoding, headers=headers)


@router.get("/dead-letters/{dead_letter_id}/actions")
async def list_actions_on(dead_letter_id: Id, unit: Unit, paging: Paging, _: Reader) -> Page[ActionTaken]:
    """List what people did with one dead letter, oldest first."""
    return await _actions(unit, paging, actions.Filter(dead_letter_id=dead_letter_id))


@router.get("/actions")
async def list_actions(
    unit: Unit, paging: Paging, _: Reader, wanted: Annotated[ActionsWanted, Query()]
) -> Page[ActionTaken]:
    """List what people did with dead letters and parked events, oldest first: who, when, why and what came of it."""
    return await _actions(unit, paging, actions.Filter(**wanted.model_dump()))


@router.post("/dead-letters/{dead_letter_id}/redrive")
async def redrive(  # noqa: PLR0917  what it takes to redrive
    dead_letter_id: Id, why: Why, request: Request, unit: Unit, principal: Operator, audit: Recorder
) -> Handled:
    """Hand it to its consumer again, and the events parked behind it after it, in order."""
    unit.rollback_only = why.dry_run
    redriver = resources_of(request).messaging.redriver
    [answer] = await redriver.take_within(unit, Action.REDRIVE, [dead_letter_id], by(principal, why, audit))
    return handled(answer, dry_run=why.dry_run)


@router.post("/dead-letters/redrive")
async def redrive_selection(
    selection: Selection, request: Request, principal: Operator, audit: Recorder
) -> HandledSelection:
    """Redrive the open dead letters that match, oldest first, each in a transaction of its own.

    It takes no Idempotency-Key, nor does a dry run of `discard`: sent again, it deals with what is open still.
    To go through more of them than one request takes, list them first and send their ids in parts: those that are
    refused again stay open, and would match again.
    """
    return await _take_selection(request, Action.REDRIVE, selection, by(principal, selection, audit))


@router.post("/dead-letters/discard", status_code=201, response_model=ApprovalView | HandledSelection)
async def discard_selection(
    selection: Selection,
    request: Request,
    principal: Operator,
    audit: Recorder,
    response: Response,
) -> Any:
    """Propose to discard the open dead letters that match; another person approves, `POST /approvals/{id}/approve`.

    At least one criterion has to be given. They stay on record, and the events parked behind them go on. A dry run
    shows what would become of each, and proposes nothing.
    """
    if selection.filter() == dead_letters.Filter(status=dead_letters.OPEN):
        raise invalid(
            [FieldError("/body", "say which: ids, consumer, topic, key, event_type, failure or a time")]
        )
    if selection.dry_run:
        response.status_code = 200
        return await _take_selection(request, Action.DISCARD, selection, by(principal, selection, audit))
    unit = await unit_of_work(request)
    rows = await dead_letters.listed(unit.connection, selection.filter(), limit=selection.limit)
    if not rows:
        raise conflict("nothing-open", "No open dead letter matches: list them, GET /messaging/dead-letters.")
    ids = [str(row.id) for row in rows]
    resources = resources_of(request)
    kind = resources.approvals.named(NAME)
    await require_in_turn(unit, resources.messaging.redriver, kind, ids)
    proposal = (None, {"ids": ids})
    [made] = await store.propose(unit, kind, [proposal], by=principal.subject, reason=selection.reason)
    await audit.record(unit, made.approval_id, after=made)
    return ApprovalView.model_validate(made)


async def _take_selection(
    request: Request, action: Action, selection: Selection, who: By
) -> HandledSelection:
    """Take on what matches, for at most half the time that a request may last: what is done is then answered for.

    A request that held a connection of its own meanwhile, as one under a key does, could wait for its like for ever.
    """
    refuse_key(
        request,
        "each dead letter is dealt with in a transaction of its own. Sent again, what is open still is.",
    )
    resources = resources_of(request)
    async with resources.transactions.begin() as unit:  # given back at once: each dead letter takes its own
        wanted = selection.filter()
        rows = await dead_letters.listed(unit.connection, wanted, limit=selection.limit)
        matching = await dead_letters.count(unit.connection, wanted)
    answers = await resources.messaging.redriver.take_all(
        action,
        rows,
        who,
        dry_run=selection.dry_run,
        seconds=resources.settings.request_timeout_seconds / 2,
    )
    items = [handled(answer, dry_run=selection.dry_run) for answer in answers]
    return HandledSelection(items=items, remaining=max(0, matching - len(answers)))


async def _actions(unit: UnitOfWork, paging: PageRequest, wanted: actions.Filter) -> Page[ActionTaken]:
    order = (dead_letter_action.c.seq,)
    rows, cursor = await fetch_page(unit.connection, actions.query(wanted), order, paging)
    items = [ActionTaken(**{**row._mapping, "dead_letter_id": str(row.dead_letter_id)}) for row in rows]
    return Page(items=items, next_cursor=cursor)


def _summary(row: Row[Any]) -> dict[str, Any]:
    names = (
        "consumer",
        "topic",
        "partition",
        "key",
        "event_id",
        "event_type",
        "reason",
        "status",
        "attempts",
    )
    summary = {name: getattr(row, name) for name in names}
    return {**summary, "id": str(row.id), "offset": row.record_offset, "failed_at": row.failed_at}


def _text(content: bytes | None) -> tuple[str | None, str]:
    if content is None:
        return None, "utf-8"
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(content).decode(), "base64"
