"""Query parameters that a route does not know are refused: a mistyped filter would list everything, unnoticed."""

from collections.abc import Iterator, Set

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from backoffice_chassis.http.problems import FieldError, invalid


def query_parameters(dependant: Dependant) -> Iterator[str]:
    """Yield the name of every query parameter that a route takes, those of its dependencies included."""
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (info.alias or name for name, info in model.model_fields.items())
        else:
            yield field.alias
    for dependency in dependant.dependencies:
        yield from query_parameters(dependency)


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
