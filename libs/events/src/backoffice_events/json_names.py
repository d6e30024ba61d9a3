"""A JSON object that gives a name twice is refused: nobody could say which of the two values holds (RFC 8259, 4)."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec


def names_check(contract: type[msgspec.Struct]) -> Callable[[bytes], None]:
    """Return a function that refuses, with ValueError, a JSON document in which an object gives a name twice.

    A document in which no name of the contract stands twice, and no escape that one could hide behind, needs no second
    reading: what else it repeats means nothing to us.
    """
    structs = msgspec.json.schema(contract)["$defs"].values()
    quoted = [
        f'"{name}"'.encode() for name in {name for struct in structs for name in struct.get("properties", ())}
    ]

    def check(document: bytes) -> None:
        count = document.count
        if b"\\" in document or max(map(count, quoted)) > 1:
            json.loads(document, object_pairs_hook=object_of)

    return check


def object_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object's members, as `json.loads` hands them to its `object_pairs_hook`. Raises ValueError."""
    members = dict(pairs)
    if len(members) < len(pairs):
        [(repeated, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{repeated[:80]!r} is given more than once")
    return members
