"""Turns every error of the HTTP edge into a problem document."""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry import trace
from starlette.exceptions import HTTPException

from backoffice_chassis.http.problems import FieldError, Problem, invalid

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

_BY_STATUS = {
    400: ("bad-request", "The request can't be read", "Check the request against /docs."),
    404: ("not-found", "Not found", "There is nothing under this path: see /docs for those that exist."),
    405: (
        "method-not-allowed",
        "Method not allowed",
        "The Allow header names the methods that this path takes.",
    ),
    413: ("content-too-large", "The body is too large", "Send it in several requests."),
    415: ("unsupported-media-type", "The body's media type is not taken", "Send application/json."),
}


def register(app: FastAPI) -> None:
    """Make the application answer every error as a problem document."""
    app.exception_handler(Problem)(_answer)
    app.exception_handler(RequestValidationError)(_on_validation_error)
    app.exception_handler(HTTPException)(_on_http_exception)
    app.exception_handler(Exception)(_on_defect)


async def _answer(request: Request, problem: Problem) -> JSONResponse:
    return JSONResponse(
        problem.document(request.url.path),
        problem.status,
        headers=dict(problem.headers),
        media_type=MEDIA_TYPE,
    )


async def _on_validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    return await _answer(request, invalid(field_errors(error.errors(), error.body)))


async def _on_http_exception(request: Request, error: HTTPException) -> JSONResponse:
    fallback = (f"http-{error.status_code}", "The request was refused", str(error.detail)[:200])
    slug, title, detail = _BY_STATUS.get(error.status_code, fallback)
    return await _answer(
        request, Problem(error.status_code, slug, title, detail, headers=error.headers or {})
    )


async def _on_defect(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    context = trace.get_current_span().get_span_context()
    quoted = f" Quote the trace id {trace.format_trace_id(context.trace_id)}." if context.is_valid else ""
    detail = f"This is a defect of ours, and it was recorded. Nothing was changed.{quoted}"
    return await _answer(request, Problem(500, "internal-error", "Something went wrong", detail))


def field_errors(errors: Sequence[Any], body: Any = None) -> list[FieldError]:
    """Return each field at fault of a Pydantic error list. What was sent is not repeated: it may be personal.

    body: what was sent, as read from JSON.
    """
    return [
        FieldError(_pointer(_sent(error["loc"], body)), _reason(error), error["type"]) for error in errors
    ]


def _sent(location: Sequence[object], body: Any) -> list[object]:
    """Return a location without the steps that Pydantic adds for the alternatives of a union, which nobody sent."""
    if location[:1] != ("body",):
        return list(location)
    steps: list[object] = [location[0]]
    for step in location[1:-1]:
        in_object = isinstance(body, dict) and step in body
        in_array = isinstance(body, list) and isinstance(step, int) and step < len(body)
        if in_object or in_array:
            body = body[step]
            steps.append(step)
    return [*steps, *location[1:][-1:]]


def _pointer(location: Sequence[object]) -> str:
    """Return a location as a JSON Pointer (RFC 6901) whose first step says which part of the request is meant."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1")[:140] for step in location)


def _reason(error: dict[str, Any]) -> str:
    message: str = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if "input" not in error or error["type"] == "missing":
        return message
    return f"{message}; got {_json_type(error['input'])}"


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str() | bytes():
            return "text"
        case dict():
            return "an object"
        case list() | tuple():
            return "an array"
        case _:
            return "a number"
