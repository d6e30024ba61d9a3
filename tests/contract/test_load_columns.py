"""What `backoffice load --help` says of columns is what the services take."""

import re

import pytest
from pydantic import BaseModel

from backoffice_cli.commands.load import KINDS
from hr.employees.schemas import Hiring
from trade_capture.reference.resources import RESOURCES

pytestmark = pytest.mark.unit

SCHEMAS: dict[str, type[BaseModel]] = {
    **{resource.kind.name: resource.stated for resource in RESOURCES},
    "employees": Hiring,
}


def test_every_kind_that_the_services_take_in_bulk_can_be_loaded() -> None:
    assert {kind.name for kind in KINDS} == set(SCHEMAS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_columns_named_are_the_fields_taken(kind: object) -> None:
    name, columns = getattr(kind, "name", ""), getattr(kind, "columns", "")
    needed, _, optional = columns.rstrip("]").partition("[")
    fields = SCHEMAS[name].model_fields
    assert set(re.findall(r"\w+", needed)) == {field for field, info in fields.items() if info.is_required()}
    assert set(re.findall(r"\w+", optional)) == {
        field for field, info in fields.items() if not info.is_required()
    }
