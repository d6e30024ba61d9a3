"""Request bodies: JSON read strictly and exactly."""

import json
from decimal import Decimal
from typing import Any, NoReturn

from fastapi import Request
from starlette.types import Message, Receive

from backoffice_chassis.http.admission import Place
from backoffice_chassis.http.problems import Problem
from backoffice_events.json_names import object_of

_LONGEST_NUMBER = 64


class JsonRequest(Request):
    """A request whose JSON is RFC 8259 and no more: no NaN or Infinity, no name twice, no endless digits or nesting.

    Fractions become `Decimal`, so that an amount keeps every digit it was sent with.
    """

    async def json(self) -> Any:
        """Return the parsed body. Raises a 400 problem that says what can't be read."""
        body = await self.body()
        try:
            return json.loads(
                body.decode("utf-8"),
                parse_float=_fraction,
                parse_int=_integer,
                parse_constant=_refuse_constant,
                object_pairs_hook=object_of,
            )
        except UnicodeDecodeError as error:
            raise _malformed(f"The body is not UTF-8: byte {error.start} can't be decoded.") from error
        except RecursionError as error:
            raise _malformed("The body is nested too deeply.") from error
        except json.JSONDecodeError as error:
            raise _malformed(f"{error.msg} at line {error.lineno}, column {error.colno}.") from error
        except ValueError as error:
            raise _malformed(f"{error}.") from error


def limited(request: Request, most: int, place: Place) -> Receive:
    """Return the request's `receive`, which raises a 413 problem once more than `most` bytes come, or are announced.

    place: accounts for the bytes that are held in memory meanwhile.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > most):
        raise _too_large(most)

    async def receive() -> Message:
        message = await request.receive()
        size = len(message.get("body", b""))
        if place.body_bytes + size > most:
            raise _too_large(most)
        place.take(size)
        return message

    return receive


def _too_large(most: int) -> Problem:
    detail = f"The body is larger than {most} bytes: send it in several requests."
    return Problem(413, "content-too-large", "The body is too large", detail)


def is_json(content_type: str) -> bool:
    """Return whether a Content-Type header announces JSON (`application/json` or `application/…+json`)."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _malformed(detail: str) -> Problem:
    return Problem(400, "malformed-json", "The body is not JSON", detail)


def _integer(text: str) -> int:
    _check_length(text)
    return int(text)


def _fraction(text: str) -> Decimal:
    _check_length(text)
    return Decimal(text)


def _check_length(text: str) -> None:
    if len(text) > _LONGEST_NUMBER:
        raise _malformed(f"A number has {len(text)} characters; the longest taken has {_LONGEST_NUMBER}.")


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON value.")
