"""The accounts that an ISO 20022 message names: kept with it encrypted, beside the rest of it."""

import re
from typing import Any, Final

_ACCOUNT: Final = re.compile(rb"Acct(?:\s[^<>]*)?>(.*?)</[\w.:-]*Acct\s*>", re.DOTALL)
"""The element of an account: the names of all of them end so, SfkpgAcct, CshAcct…"""


def names_an_account(document: bytes | None) -> bool:
    """Return whether a message has an element that is an account."""
    return document is not None and _ACCOUNT.search(document) is not None


class AccountsOfDocument:
    """What is encrypted of a message that a column holds: the contents of its accounts' elements."""

    def take_out(self, value: bytes) -> tuple[bytes, list[tuple[int, str]] | None]:
        """Return the message without them, and where in that each of them stood; None when there is none."""
        kept: list[bytes] = []
        taken: list[tuple[int, str]] = []
        length = done = 0
        for found in _ACCOUNT.finditer(value):
            start, end = found.span(1)
            kept.append(value[done:start])
            length += start - done
            taken.append((length, found[1].decode("latin-1")))
            done = end
        return b"".join([*kept, value[done:]]), taken or None

    def put_back(self, rest: bytes, part: Any) -> bytes:
        """Return the message, byte for byte."""
        pieces: list[bytes] = []
        done = 0
        for place, content in part:
            pieces += [rest[done:place], content.encode("latin-1")]
            done = place
        return b"".join([*pieces, rest[done:]])
