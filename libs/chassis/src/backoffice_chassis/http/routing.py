"""The route class behind every endpoint: token, body, one transaction with its record, commit before the answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from backoffice_chassis.audit.trail import check_declaration, check_recorded
from backoffice_chassis.http import idempotency
from backoffice_chassis.http.admission import Place
from backoffice_chassis.http.body import JsonRequest, is_json, limited
from backoffice_chassis.http.database_errors import database_problem, gave_no_answer
from backoffice_chassis.http.openapi import PROBLEM_RESPONSES, document_idempotency
from backoffice_chassis.http.problems import Problem, unavailable
from backoffice_chassis.http.query import query_parameters, refuse_unknown_parameters
from backoffice_chassis.http.transaction import RequestTransaction
from backoffice_chassis.resources import Resources, resources_of
from backoffice_chassis.security.access import Access, access_rules
from backoffice_events.messaging import Transactions, UnitOfWork

log = structlog.get_logger(__name__)

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class TransactionalRoute(APIRoute):
    """Wraps each request in one UnitOfWork: committed when the answer is below 400, rolled back otherwise."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if "POST" in (options.get("methods") or ()):
            options["openapi_extra"] = document_idempotency(options.get("openapi_extra"))
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Endpoint:
        """Return the handler that FastAPI calls for this route."""
        endpoint = super().get_route_handler()
        rules = tuple(access_rules(self.dependant))
        if not rules:
            raise TypeError(
                f"{self.path} says not who may call it: add `requires(permissions.…)` to the endpoint"
            )
        check_declaration(self.path, self.methods or set(), self.dependant)
        wants_json = self.body_field is not None
        parameters = frozenset(query_parameters(self.dependant, self.openapi_extra))

        async def handle(request: Request) -> Response:
            with resources_of(request).admission.place() as place:
                return await answer(request, place)

        async def answer(request: Request, place: Place) -> Response:
            settings = resources_of(request).settings
            seconds, transactions = self.limits(resources_of(request))
            try:
                await _admit(request, rules)
                refuse_unknown_parameters(request, parameters)
                request = JsonRequest(request.scope, limited(request, settings.max_body_bytes, place))
                async with asyncio.timeout(settings.request_timeout_seconds):
                    await _take_body(request, wants_json=wants_json)
                return await _answer_in_transaction(request, endpoint, seconds, transactions)
            except TimeoutError:
                raise unavailable(
                    f"The request took longer than {seconds} s and was rolled back: ask for less at a time.",
                    slug="request-timeout",
                ) from None

        return handle

    def limits(self, resources: Resources) -> tuple[int, Transactions]:
        """Return how many seconds a request may take, and the way to the database that waits as long."""
        return resources.settings.request_timeout_seconds, resources.transactions


class ReportRoute(TransactionalRoute):
    """A route that reads whole tables: it may take longer, and a process answers one such request at a time."""

    def limits(self, resources: Resources) -> tuple[int, Transactions]:
        """Return those of a report."""
        return resources.settings.report_timeout_seconds, resources.reports


class Router(APIRouter):
    """An APIRouter whose endpoints run in one transaction each and name who may call them."""

    def __init__(self, *, route_class: type[TransactionalRoute] = TransactionalRoute, **options: Any) -> None:
        responses = {**PROBLEM_RESPONSES, **options.pop("responses", {})}
        super().__init__(route_class=route_class, responses=responses, **options)


async def unit_of_work(request: Request) -> UnitOfWork:
    """Return the request's unit of work, opening its transaction at the first call."""
    transaction: RequestTransaction = request.state.transaction
    return await transaction.open()


Unit = Annotated[UnitOfWork, Depends(unit_of_work)]


async def _admit(request: Request, rules: tuple[Access, ...]) -> None:
    """Prove the token, the rate and the roles before a byte of the body is read."""
    resources = resources_of(request)
    principal = await resources.verifier.principal(request.headers.get("Authorization"))
    await resources.admission.check_rate(principal.subject)
    request.state.principal = principal
    for rule in rules:
        rule.check(principal)


async def _take_body(request: Request, *, wants_json: bool) -> None:
    try:
        body = await request.body()
    except ClientDisconnect:
        # Nobody reads this answer: it has the request counted as the caller's doing, and not as a defect of ours.
        raise Problem(
            499, "client-closed-request", "The client hung up", "The body ended before its time."
        ) from None
    content_type = request.headers.get("content-type", "")
    if wants_json and body and not is_json(content_type):
        raise Problem(
            415,
            "unsupported-media-type",
            "The body's media type is not taken",
            f"Send `Content-Type: application/json`, not {content_type[:80]!r}.",
        )


async def _answer_in_transaction(
    request: Request, endpoint: Endpoint, seconds: int, transactions: Transactions
) -> Response:
    transaction = request.state.transaction = RequestTransaction(transactions)
    try:
        async with asyncio.timeout(seconds):
            response = await _answer_once(request, endpoint, transaction)
        if response.status_code < 400:
            await _commit(transaction)
    except HTTPException as error:
        if isinstance(error.__cause__, Problem):  # FastAPI covers up what the body's parser raised
            raise error.__cause__ from None
        raise
    except (Problem, RequestValidationError, TimeoutError):
        raise
    except Exception as error:
        problem = database_problem(error)
        if problem is None:
            raise
        log.warning(
            "database refused", path=request.url.path, problem=problem.type, error=type(error).__name__
        )
        raise problem from error
    else:
        return response
    finally:
        await transaction.close()


async def _commit(transaction: RequestTransaction) -> None:
    """Commit. Where the connection breaks over it, nobody learns whether it stands, and the client is told so."""
    try:
        await transaction.commit()
    except Exception as error:
        if not gave_no_answer(error):
            raise
        raise unavailable(
            "The database can't be reached, and whether this was done is not known. Send it again under the same"
            " Idempotency-Key, which has no second effect; without one, look first.",
            slug="outcome-unknown",
        ) from error


async def _answer_once(request: Request, endpoint: Endpoint, transaction: RequestTransaction) -> Response:
    """Answer from the store when the request carries a key that was answered before."""
    keyed = await idempotency.IdempotentRequest.of(request)
    if keyed is None:
        return await _answer_for_the_record(request, endpoint)
    unit = await transaction.open()
    stored = await keyed.stored_answer(unit.connection)
    if stored is not None:
        return stored
    response = await _answer_for_the_record(request, endpoint)
    if response.status_code < 400:
        await keyed.keep(unit.connection, response)
    return response


async def _answer_for_the_record(request: Request, endpoint: Endpoint) -> Response:
    """Answer, and make sure that a change was recorded in the audit log."""
    response = await endpoint(request)
    if response.status_code < 400:
        check_recorded(request)
    return response
