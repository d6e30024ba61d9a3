"""Versions of a record: 1, 2, 3…, one more with each change, none for a row that says what is known."""

from typing import Any, TypeVar

import msgspec

R = TypeVar("R", bound=Any)


def next_version(stated: R, current: R | None) -> R | None:
    """Return `stated` under the version it makes, or None when it says what `current` says."""
    if current is None:
        return msgspec.structs.replace(stated, version=1)
    if msgspec.structs.replace(stated, version=current.version) == current:
        return None
    return msgspec.structs.replace(stated, version=current.version + 1)
