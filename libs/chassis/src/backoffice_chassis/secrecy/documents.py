"""The accounts that an ISO 20022 message names: kept with it encrypted, beside the rest of it."""

import re
from collections.abc import Iterator
from typing import Any, Final

_TAG: Final = re.compile(rb"Acct(?:\s[^<>]*)?>")
"""The end of an account's tag, opening or closing: the names of all accounts end so, SfkpgAcct, CshAcct…"""


def may_name_an_account(document: bytes | None) -> bool:
    """Return whether a message has a tag of an account: a look that is cheap for the many that have none."""
    return document is not None and _TAG.search(document) is not None


class AccountsOfDocument:
    """What is encrypted of a message that a column holds: the contents of its accounts' elements."""

    def take_out(self, value: bytes) -> tuple[bytes, list[tuple[int, str]] | None]:
        """Return the message without them, and where in that each of them stood; None when there is none."""
        kept: list[bytes] = []
        taken: list[tuple[int, str]] = []
        length = done = 0
        for start, end in _contents(value):
            kept.append(value[done:start])
            length += start - done
            taken.append((length, value[start:end].decode("latin-1")))
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


def _contents(document: bytes) -> Iterator[tuple[int, int]]:
    """Return where the contents of accounts' elements begin and end, in one pass, whatever the message holds."""
    opened: int | None = None
    seen = 0
    for tag in _TAG.finditer(document):
        begins = document.rfind(b"<", seen, tag.start())
        closes = begins >= 0 and document.startswith(b"</", begins)
        if closes and opened is not None:
            yield opened, begins
            opened = None
        elif not closes and opened is None:
            opened = tag.end()
        seen = tag.end()
