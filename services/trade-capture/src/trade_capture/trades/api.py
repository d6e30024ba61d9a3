"""Trades over HTTP: taken in one by one or in bulk, listed, and told with their whole history."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Path, Query, Response

from backoffice_chassis import (
    Audit,
    FieldError,
    Page,
    Paging,
    Principal,
    Router,
    Unit,
    audits,
    conflict,
    etag,
    fetch_page,
    invalid,
    not_found,
    scoped,
)
from backoffice_chassis.audit.canonical import summary
from backoffice_chassis.http.handlers import field_errors
from backoffice_chassis.http.vocabulary import Id
from backoffice_events.records import MAX_VALUE_BYTES
from trade_capture.permissions import READ_TRADES, SUBMIT_TRADES
from trade_capture.reference.cache import ReferenceCache
from trade_capture.repair.domain import Origin, UnidentifiableError, read, read_rest
from trade_capture.trades import history, queries
from trade_capture.trades.capture import Capture
from trade_capture.trades.domain import Reason, ReasonCode, Statement
from trade_capture.trades.domain.execution import STATEMENT_BY_ACTION
from trade_capture.trades.schemas import (
    BulkIn,
    BulkOut,
    BulkRowOut,
    OutcomeOut,
    ReasonOut,
    Submitted,
    TradeHistoryOut,
    TradeOut,
)
from trade_capture.trades.scoping import require_in_scope
from trade_capture.trades.submission import Outcome, Result, Submission
from trade_capture.trades.tables import trade

Submitter = Annotated[Principal, scoped(SUBMIT_TRADES)]
Reader = Annotated[Principal, scoped(READ_TRADES)]
Recorder = Annotated[Audit, audits("trade")]
TradeId = Annotated[Id, Path()]

_STATUS = {Result.RESENT: 200, Result.WAITING: 202}


def router(capture: Capture, reference: ReferenceCache) -> Router:
    """Return the routes. reference: tells which business day it is on each calendar."""
    routes = Router(prefix="/trades", tags=["Trades"])

    @routes.post("", response_model=OutcomeOut, status_code=201, responses=_SINGLE_RESPONSES)
    async def submit_trade(
        statement: Submitted, response: Response, unit: Unit, principal: Submitter, audit: Recorder
    ) -> OutcomeOut:
        """State a trade, a correction or a cancellation, and learn at once what became of it.

        (source_system, trade_reference, version) is its idempotency key. What cannot be taken in is answered with every
        field at fault and leaves nothing behind; a version that came before its predecessor is kept and waits for it.
        """
        if statement.in_form is None:
            raise invalid(await _every_fault(unit, capture, statement, principal))
        stated = statement.in_form.model_dump(exclude_none=True)
        submission = _submission(stated, principal)
        await require_in_scope(unit, principal, [submission])
        (outcome,) = await capture.take_in(unit, [submission])
        _refuse_if_faulty(outcome)
        response.status_code = _STATUS.get(outcome.result, 201)
        answer = _outcome(outcome)
        if outcome.result is Result.RESENT:
            audit.nothing_changed()
        else:
            await audit.record(unit, answer.trade_id, after={"statement": stated, "outcome": answer})
        return answer

    @routes.post("/bulk", response_model=BulkOut)
    async def submit_trades(bulk: BulkIn, unit: Unit, principal: Submitter, audit: Recorder) -> BulkOut:
        """State many at once. Good rows are taken in; the others go to the repair queue with every reason.

        A row that does not even name its trade is answered `UNIDENTIFIABLE`, and is kept nowhere. If one concerns a
        book that your token is not for, nothing is taken in.
        """
        rows = [_bulk_submission(row, principal) for row in bulk.trades]
        submissions = [row for row in rows if isinstance(row, Submission)]
        await require_in_scope(unit, principal, submissions)
        outcomes = iter(await capture.take_in(unit, submissions))
        answers = [
            BulkRowOut(row=place, **_outcome(next(outcomes)).model_dump())
            if isinstance(row, Submission)
            else BulkRowOut(row=place, result="UNIDENTIFIABLE", reasons=[ReasonOut.model_validate(row)])
            for place, row in enumerate(rows)
        ]
        results = Counter(answer.result for answer in answers)
        await audit.record(unit, None, after={"results": results, "rows": summary(answers)})
        return BulkOut(results=results, rows=answers)

    @routes.get("", response_model=Page[TradeOut])
    async def list_trades(
        unit: Unit, paging: Paging, principal: Reader, filters: Annotated[queries.TradeFilters, Query()]
    ) -> Any:
        """List trades, the earliest captured first."""
        query = queries.filtered(filters, await reference.load(unit.connection), principal.scope)
        found, cursor = await fetch_page(unit.connection, query, [trade.c.trade_id], paging)
        return {"items": found, "next_cursor": cursor}

    @routes.get("/{trade_id}", response_model=TradeHistoryOut)
    async def read_trade(trade_id: TradeId, response: Response, unit: Unit, principal: Reader) -> Any:
        """Read a trade in full with its whole history: versions, resends, repairs and confirmations."""
        told = await history.told(unit.connection, trade_id, principal.scope)
        if told is None:
            raise not_found("trade", trade_id)
        response.headers["ETag"] = etag(told.trade.version)
        return told

    return routes


_SINGLE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "It was there before: recognised as a resend", "model": OutcomeOut},
    202: {"description": "It waits for an earlier version", "model": OutcomeOut},
}


def _submission(stated: Mapping[str, Any], principal: Principal) -> Submission:
    contract = STATEMENT_BY_ACTION[stated["action"]]
    terms = {name: value for name, value in stated.items() if name != "action"}
    statement: Statement = msgspec.convert(terms, type=contract)
    origin = Origin(submitted_by=principal.subject)
    return Submission(statement, contract.event_type, msgspec.json.encode(statement), origin)


async def _every_fault(
    unit: Unit, capture: Capture, submitted: Submitted, principal: Principal
) -> list[FieldError]:
    """Return each field that is not in form, and what is wrong with the others' sense: the caller takes nothing in."""
    errors = [{**error, "loc": ("body", *error["loc"])} for error in submitted.errors]
    faults = field_errors(errors, submitted.body)
    rest = _rest(submitted.body, {_top_level(fault.field) for fault in faults}, principal)
    if rest is not None:
        await require_in_scope(unit, principal, [rest])
        (outcome,) = await capture.take_in(unit, [rest])
        faults += _field_errors(outcome.reasons)
    return faults


def _rest(body: Any, refused: Collection[str], principal: Principal) -> Submission | None:
    """Return what a body states in the fields that are in form, None when that names no trade."""
    action = body.get("action", "NEW") if isinstance(body, dict) else None
    contract = STATEMENT_BY_ACTION.get(action) if isinstance(action, str) else None
    if contract is None:
        return None
    # The form takes blanks around a text for nothing.
    terms = {name: value.strip() if isinstance(value, str) else value for name, value in body.items()}
    try:
        payload = msgspec.json.encode(terms)
        statement = read_rest(contract, payload, refused)
    except (UnidentifiableError, UnicodeError, RecursionError):
        return None
    return Submission(statement, contract.event_type, payload, Origin(submitted_by=principal.subject))


def _top_level(pointer: str) -> str:
    """Return `charges` of `/body/charges/0/amount`."""
    return pointer.split("/")[2] if pointer.count("/") > 1 else ""


def _bulk_submission(row: Any, principal: Principal) -> Submission | Reason:
    action = row.get("action", "NEW") if isinstance(row, dict) else None
    contract = STATEMENT_BY_ACTION.get(action) if isinstance(action, str) else None
    if contract is None:
        message = f"a row is an object whose action is one of {', '.join(STATEMENT_BY_ACTION)}"
        return Reason(ReasonCode.MALFORMED_FIELD, "action", message)
    try:
        payload = msgspec.json.encode({name: value for name, value in row.items() if name != "action"})
        statement = read(contract, payload)
    except (UnidentifiableError, UnicodeError, RecursionError) as error:
        return Reason(ReasonCode.MALFORMED_FIELD, "trade_reference", str(error))
    if len(payload) > MAX_VALUE_BYTES:
        message = f"a statement has at most {MAX_VALUE_BYTES} bytes, not {len(payload)}"
        return Reason(ReasonCode.MALFORMED_FIELD, "message", message)
    return Submission(statement, contract.event_type, payload, Origin(submitted_by=principal.subject))


def _refuse_if_faulty(outcome: Outcome) -> None:
    if outcome.result is Result.CONFLICT:
        raise conflict("conflicting-resend", outcome.reasons[0].message, title="The version is used")
    if outcome.result is Result.IN_REPAIR:
        raise invalid(_field_errors(outcome.reasons))


def _field_errors(reasons: tuple[Reason, ...]) -> list[FieldError]:
    return [FieldError(_pointer(each.field), each.message, each.code.lower()) for each in reasons]


def _pointer(field: str) -> str:
    """Return `charges[0].amount` as the JSON Pointer `/body/charges/0/amount`."""
    return "/body/" + field.replace("[", "/").replace("].", "/")


def _outcome(outcome: Outcome) -> OutcomeOut:
    return OutcomeOut(
        result=outcome.result,
        trade_id=outcome.trade.trade_id if outcome.trade else None,
        version=outcome.trade.version if outcome.trade else None,
        repair_id=outcome.repair_id,
        reasons=[ReasonOut.model_validate(reason) for reason in outcome.reasons],
    )
