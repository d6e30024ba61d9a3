"""A list as somebody sent it: which files it takes, and what they hold."""

import hashlib
from collections.abc import Mapping
from datetime import date

import msgspec

from compliance.rules.domain import ListKind
from compliance.screening.domain import Entry
from compliance.screening.lists import ofac, un
from compliance.screening.lists.files import UnreadableListError, unpacked


class ReadList(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. as_of: the date that the list states of itself, None when its format has none."""

    entries: list[Entry]
    as_of: date | None
    digest: str


def files_of(kind: ListKind) -> tuple[str, ...]:
    """Name the files that a list consists of, the indispensable one first."""
    return (un.FILE,) if kind is ListKind.UN_CONSOLIDATED else ofac.FILES


def read(kind: ListKind, files: Mapping[str, bytes]) -> ReadList:
    """Read the files of a list, gzip or plain. Raises UnreadableListError, naming the file and the line."""
    known = files_of(kind)
    for file in files:
        if file not in known:
            raise UnreadableListError(file, f"is no part of {kind}: send {', '.join(known)}")
    if known[0] not in files:
        raise UnreadableListError(known[0], "is missing")
    plain = {file: unpacked(content, file) for file, content in files.items()}
    digest = hashlib.sha256(b"".join(hashlib.sha256(plain.get(file, b"")).digest() for file in known))
    if kind is ListKind.UN_CONSOLIDATED:
        entries, as_of = un.read(plain[un.FILE])
        return ReadList(entries=entries, as_of=as_of, digest=digest.hexdigest())
    return ReadList(entries=ofac.read(plain), as_of=None, digest=digest.hexdigest())
