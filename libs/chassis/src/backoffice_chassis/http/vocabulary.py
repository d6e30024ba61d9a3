"""Types that HTTP schemas share. Numbers are exact and travel as strings; identifiers are checked for their shape.

Check digits are the business of the service that owns the reference data.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints

from backoffice_events.limits import PLAIN_NUMBER

_plain = PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json")
_digits = Field(max_digits=28, decimal_places=10, allow_inf_nan=False)


def _plain_number(value: object) -> object:
    if isinstance(value, str) and not PLAIN_NUMBER.fullmatch(value):
        raise ValueError("must be a number such as 190.25")
    return value


_number = BeforeValidator(_plain_number)
"""Refuses what Python alone reads as a number: `1_0`, blanks around it, digits of other scripts."""

Amount = Annotated[Decimal, _number, _digits, _plain]
"""Money or units of either sign: finite, at most 18 integer and 10 fractional digits."""

Figure = Annotated[Decimal, _plain]
"""A number of ours in an answer: a total may have more digits than anybody may state, so nothing bounds them."""

Money = Annotated[Decimal, _number, _digits, Field(ge=0), _plain]
"""An amount of money that is never negative."""

Quantity = Annotated[Decimal, _number, _digits, Field(gt=0), _plain]
"""Units, or face amount of a bond: more than nothing."""

Price = Annotated[Decimal, _number, _digits, Field(gt=0), _plain]
"""Price of one unit, or in percent of face amount: more than nothing."""


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _spelt_out(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("must be a date such as 2024-06-03")


Day = Annotated[date, BeforeValidator(_spelt_out)]
"""A date in ISO 8601's extended form: numbers, which Pydantic takes for seconds since 1970, are refused."""


def _no_control_characters(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain control characters or line breaks")
    return text


_printable = AfterValidator(_no_control_characters)


def _text(longest: int, pattern: str | None = None) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest, pattern=pattern)


ShortText = Annotated[str, _text(140), _printable]
"""Words by a person, on one line."""

Reason = Annotated[str, _text(500), _printable]
"""Why somebody decided something, on one line."""

Code = Annotated[str, _text(35, r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]
"""A reference or code of somebody's own (ISO 20022 Max35Text, without blanks)."""

Id = Annotated[str, _text(36, r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
"""An id that the platform drew (UUID, lower case)."""

Isin = Annotated[str, _text(12, r"^[A-Z]{2}[A-Z0-9]{9}[0-9]$")]
"""ISO 6166 security identifier."""

Lei = Annotated[str, _text(20, r"^[A-Z0-9]{18}[0-9]{2}$")]
"""ISO 17442 legal entity identifier."""

Bic = Annotated[str, _text(11, r"^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$")]
"""ISO 9362 business identifier code."""

Mic = Annotated[str, _text(4, r"^[A-Z0-9]{4}$")]
"""ISO 10383 market identifier code."""

Currency = Annotated[str, _text(3, r"^[A-Z]{3}$")]
"""ISO 4217 alphabetic currency code."""
