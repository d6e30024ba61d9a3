"""Asking the stack's receiver."""

from collections.abc import Sequence
from urllib.parse import quote

import httpx
import msgspec

from backoffice_cli.platform import Platform
from backoffice_cli.stack.errors import StackError
from backoffice_cli.traces.spans import Span


def trace_of(platform: Platform, key: str) -> Sequence[Span]:
    """Return the spans of the latest trace of a key, none when there is no trace of it.

    Raises StackError when the stack keeps no traces, or the receiver does not answer.
    """
    if platform.traces_url is None:
        raise StackError(
            "This stack keeps no traces.", "Start one that does, in another folder: backoffice up --traces"
        )
    try:
        address = f"{platform.traces_url}/traces/{quote(key, safe='')}"
        answer = httpx.get(address, timeout=10, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise StackError(f"The traces cannot be read: {error}", "See: backoffice logs traces") from error
    return msgspec.json.decode(answer.content, type=list[Span])
