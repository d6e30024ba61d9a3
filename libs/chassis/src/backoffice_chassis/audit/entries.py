"""An entry of the audit log: who did what, when, from where, with what before and after. And a signed tree head."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from backoffice_chassis.audit.canonical import canonical

_FIELDS = (
    "entry_id",
    "subject",
    "client",
    "address",
    "action",
    "object_type",
    "object_id",
    "before",
    "after",
)


def entry_document(service: str, row: Mapping[str, Any] | RowMapping) -> dict[str, Any]:
    """Return an entry as it is hashed and signed, from its row."""
    fields = {name: row[name] for name in _FIELDS}
    return {**fields, "service": service, "recorded_at": moment(row["recorded_at"])}


def head_document(service: str, tree_size: int, root_hash: bytes, sealed_at: datetime) -> dict[str, Any]:
    """Return a tree head as it is signed."""
    return {
        "service": service,
        "tree_size": tree_size,
        "root_hash": root_hash.hex(),
        "sealed_at": moment(sealed_at),
    }


def leaf_data(document: Mapping[str, Any]) -> bytes:
    """Return the bytes of an entry that its leaf hash and its signature stand for."""
    return canonical(document)


def moment(at: datetime) -> str:
    """Return a time as the log writes it: UTC, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
