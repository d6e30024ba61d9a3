"""What the OpenAPI document says of every route: problem documents, and `Idempotency-Key` on POST."""

from typing import Any

from pydantic import BaseModel, Field


class FieldErrorDocument(BaseModel):
    """One field at fault."""

    field: str = Field(description="Where it stands in the request.", examples=["/body/trades/0/price"])
    reason: str = Field(description="What is wrong with it.", examples=["Input should be greater than 0"])
    code: str = Field(description="Stable kind of the error.", examples=["greater_than"])


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="Stable kind of the problem.", examples=["/problems/invalid-request"])
    title: str = Field(description="The kind in words, the same each time.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What is wrong this time, and what to do.")
    instance: str = Field(description="Path of the request.")
    errors: list[FieldErrorDocument] = Field(default=[], description="Each field at fault, all at once.")


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: _problem("No valid token"),
    403: _problem("The role may not"),
    422: _problem("Fields at fault, each named"),
    "default": {**_problem("Any other problem"), "model": ProblemDocument},
}


def document_idempotency(extra: dict[str, Any] | None) -> dict[str, Any]:
    """Return a POST operation's OpenAPI additions with the Idempotency-Key header declared."""
    parameter = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Draw one for each new request: a repeat under the same key has no second effect and is answered"
        " as the first was, with `Idempotency-Replayed: true`. Another payload is answered 422, a repeat while the"
        " first is in flight 409.",
        "schema": {"type": "string", "maxLength": 255},
    }
    extra = extra or {}
    return {**extra, "parameters": [*extra.get("parameters", ()), parameter]}
