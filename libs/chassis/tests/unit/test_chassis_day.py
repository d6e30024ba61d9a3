"""Dates over HTTP are spelt out."""

from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from backoffice_chassis.http.vocabulary import Day

pytestmark = pytest.mark.unit


class Stated(BaseModel):
    day: Day


def test_an_iso_date_is_taken() -> None:
    assert Stated.model_validate({"day": "2024-06-03"}).day == date(2024, 6, 3)


@pytest.mark.parametrize(
    "value", [0, 86_400, "0", "20240603", "2024-06-03T00:00:00", "2024-13-01", "", None, True, ["2024-06-03"]]
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        Stated.model_validate({"day": value})
