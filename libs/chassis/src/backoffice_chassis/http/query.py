"""Query parameters that a route does not know are refused: a mistyped filter would list everything, unnoticed."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from backoffice_chassis.http.problems import FieldError, invalid


def query_parameters(dependant: Dependant, openapi_extra: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the name of every query parameter that a route takes.

    openapi_extra: names those that the endpoint reads from the request by itself.
    """
    yield from _declared(dependant)
    for parameter in (openapi_extra or {}).get("parameters", ()):
        if parameter["in"] == "query":
            yield parameter["name"]


def _declared(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (info.alias or name for name, info in model.model_fields.items())
        else:
            yield field.alias
    for dependency in dependant.dependencies:
        yield from _declared(dependency)


def refuse_unknown_parameters(request: Request, known: Set[str]) -> None:
    """Raise 422 for parameters that the route does not take."""
    unknown = sorted(request.query_params.keys() - known)
    if unknown:
        there_are = f"there are: {', '.join(sorted(known))}" if known else "there are none"
        raise invalid(
            [
                FieldError(f"/query/{name[:140]}", f"not known here; {there_are}", "unknown")
                for name in unknown
            ]
        )
