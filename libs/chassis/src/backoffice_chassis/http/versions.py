"""Optimistic concurrency: `ETag` on what is read, `If-Match` on what is changed (RFC 9110 13.1.1)."""

from typing import Annotated

from fastapi import Depends, Header

from backoffice_chassis.http.problems import FieldError, invalid, precondition_failed, precondition_required

_LARGEST_VERSION = 2**31 - 1
_header = Header(alias="If-Match", description='The `ETag` last read, e.g. `"3"`.', max_length=40)


def etag(version: int) -> str:
    """Return the strong entity tag of a version, for the `ETag` response header."""
    return f'"{version}"'


def _if_match(value: Annotated[str | None, _header] = None) -> int | None:
    if value is None or value.strip() == "*":
        return None
    text = value.strip()
    digits = text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else ""
    if not (digits.isascii() and digits.isdigit() and int(digits) <= _LARGEST_VERSION):
        raise invalid(
            [FieldError("/header/If-Match", 'must be an ETag that was read before, such as "3"', "etag")]
        )
    return int(digits)


def _required_if_match(version: Annotated[int | None, Depends(_if_match)]) -> int:
    if version is None:
        raise precondition_required(
            "Read it first, then send its ETag as `If-Match`, so that no change is lost."
        )
    return version


IfMatch = Annotated[int | None, Depends(_if_match)]
"""The version that the caller means to change, None when they did not say."""

RequiredIfMatch = Annotated[int, Depends(_required_if_match)]
"""The version that the caller means to change; 428 when they did not say."""


def check_version(expected: int | None, actual: int) -> None:
    """Raise 412 when the caller meant another version than the current one."""
    if expected is not None and expected != actual:
        raise precondition_failed(
            f"It is at version {actual} now, not {expected}: read it again and decide anew."
        )
