"""One way to write a document as bytes, so that a hash of it means something: RFC 8785 for what occurs here.

Numbers are integers, amounts are strings, names are ASCII; of such documents RFC 8785 asks sorted names, no blanks and
UTF-8, which is what this writes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pydantic import BaseModel
from sqlalchemy import Row, RowMapping

_FEW = 20


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return a document's bytes. It consists of texts, integers, booleans, nulls, lists and documents."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def plain(value: Any) -> Any:
    """Return rows, structs, models, amounts, dates and the like as a document has them: amounts and times as text.

    Raises TypeError for a binary fraction: an amount is a Decimal.
    """
    return _exact(msgspec.to_builtins(value, str_keys=True, enc_hook=_plain))


def digest(records: Any) -> str:
    """Return the SHA-256 of many records' canonical bytes: what stands in an entry for more than it could hold."""
    return hashlib.sha256(canonical({"records": plain(records)})).hexdigest()


def summary(records: Sequence[Any]) -> dict[str, Any]:
    """Return what an entry says of many records: themselves when they are few, else how many and their digest."""
    if len(records) <= _FEW:
        return {"count": len(records), "records": list(records)}
    return {"count": len(records), "sha256": digest(records)}


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        raise TypeError(f"{value} is a binary fraction: state it as Decimal")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _exact(part)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if isinstance(value, Row):
        return plain(dict(value._mapping))
    if isinstance(value, Mapping | RowMapping):
        return plain(dict(value))
    raise TypeError(f"{type(value).__name__} can't be written into the audit log")
