"""Between HTTP and records: rows parsed one by one, keys from paths, filters from queries."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Column, Select, select

from backoffice_chassis import FieldError, invalid, not_found
from trade_capture.reference.domain import Fault
from trade_capture.reference.loading import RefusedRow, Rows
from trade_capture.reference.resources import Resource

_TRUTH = {"true": True, "false": False}


def parse(resource: Resource, raw: Sequence[Any]) -> tuple[Rows, list[RefusedRow]]:
    """Return the rows that have the right form as records, each with its place, and the others with their faults."""
    good: list[tuple[int, Any]] = []
    refused: list[RefusedRow] = []
    for place, row in enumerate(raw):
        try:
            stated = resource.stated.model_validate(row)
        except ValidationError as error:
            refused.append(RefusedRow(place, _faults(error)))
        else:
            good.append((place, resource.kind.record(version=0, **dict(stated))))
    return good, refused


def _faults(error: ValidationError) -> list[Fault]:
    return [
        Fault(".".join(str(step)[:140] for step in found["loc"]), found["msg"])
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def key_of(resource: Resource, path_params: Mapping[str, str]) -> tuple[Any, ...]:
    """Return the key that a path names. Raises 404 when it can be no key."""
    columns = [resource.kind.current.c[field] for field in resource.kind.key_fields]
    try:
        return tuple(_value(column, path_params[column.name]) for column in columns)
    except ValueError:
        raise not_found(resource.singular, "/".join(path_params.values())) from None


def filtered(resource: Resource, query: Mapping[str, str]) -> Select[Any]:
    """Return the query for a list, narrowed by the filters given."""
    statement = select(resource.kind.current)
    for name in resource.filters:
        if name in query:
            column = resource.kind.current.c[name]
            try:
                statement = statement.where(column == _value(column, query[name]))
            except ValueError:
                raise invalid([FieldError(f"/query/{name}", "is not a value of this field")]) from None
    return statement


def _value(column: Column[Any], text: str) -> Any:
    """Return the value that a path or query spells. Raises ValueError."""
    kind = column.type.python_type
    if "\0" in text:
        raise ValueError(column.name)
    if kind is bool:
        if text not in _TRUTH:
            raise ValueError(column.name)
        return _TRUTH[text]
    return date.fromisoformat(text) if kind is date else text


def filter_parameters(resource: Resource) -> dict[str, Any]:
    """Return the OpenAPI description of a list's filters."""
    return {"parameters": [_parameter(name, "query") for name in resource.filters]}


def key_parameters(resource: Resource) -> dict[str, Any]:
    """Return the OpenAPI description of the key in a path."""
    return {"parameters": [_parameter(name, "path") for name in resource.kind.key_fields]}


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
