"""Numbers over HTTP are plain ones."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from backoffice_chassis.http.vocabulary import Figure, Price

pytestmark = pytest.mark.unit
price = TypeAdapter[Decimal](Price)


@pytest.mark.parametrize("text", ["1_0", " 1", "1\\n", "\uff11\uff12", "NaN", "Infinity", ""])
def test_what_only_python_reads_as_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        price.validate_json(f'"{text}"')


@pytest.mark.parametrize("number", ['"190.25"', "190.25", '"1.9025E+2"', '"+190.25"'])
def test_a_plain_number_is_taken(number: str) -> None:
    assert price.validate_json(number) == Decimal("190.25")


@pytest.mark.parametrize(
    ("number", "said"), [("0E-8", "0.00000000"), ("1E-7", "0.0000001"), ("1E+30", "1" + "0" * 30)]
)
def test_a_figure_is_written_out_however_large_or_small(number: str, said: str) -> None:
    assert TypeAdapter[Decimal](Figure).dump_json(Decimal(number)).decode() == f'"{said}"'
    assert TypeAdapter[Decimal](Figure).validate_python(Decimal(number)) == Decimal(number)
