"""Reading a front office's message as far as it can be read, and editing it without losing the rest."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from backoffice_events.contracts import contract_of
from backoffice_events.contracts.base import Event
from backoffice_events.contracts.frontoffice import TradeBusted, TradeCorrected, TradeExecuted
from trade_capture.trades.domain import (
    ExecutionKey,
    Legible,
    Malformed,
    Reason,
    ReasonCode,
    Statement,
    name_fault,
    plain,
    version_fault,
)

STATEMENTS: tuple[type[Statement], ...] = (TradeExecuted, TradeCorrected, TradeBusted)

IDENTITY = ("source_system", "trade_reference", "version")

_Fields = dict[str, msgspec.Raw]
_NOTHING = msgspec.Raw(b"")
_READ_ERRORS = (ValueError, RecursionError)  # msgspec's and Unicode errors are ValueErrors


# No statement nests like this; what does cannot be written out again without running out of stack.
_MOST_BRACKETS = 500


class UnidentifiableError(ValueError):
    """A message does not even name an execution. Its text says why."""


def statement_type(event_type: str | None) -> type[Statement] | None:
    """Return the contract of a front office's message type, or None when it is another's or unknown."""
    contract = contract_of(event_type) if event_type is not None else None
    return next((known for known in STATEMENTS if known is contract), None)


def read(contract: type[Statement], payload: bytes) -> Statement | Malformed:
    """Return the statement, or what it names and every field at fault. Raises UnidentifiableError."""
    fields = _fields(payload)
    key = _key(fields)
    version = _version(fields)
    reasons = tuple(_field_faults(contract, fields))
    if reasons or version is None:
        return Malformed(key, version, payload, reasons, contract, _legible(contract, fields))
    try:
        return msgspec.json.decode(payload, type=contract)
    except _READ_ERRORS as error:
        reason = Reason(ReasonCode.MALFORMED_FIELD, "message", plain(str(error)))
        return Malformed(key, version, payload, (reason,), contract, _legible(contract, fields))


def read_rest(contract: type[Statement], payload: bytes, refused: Collection[str]) -> Malformed:
    """Return what a message says in the fields that were not refused already. Raises UnidentifiableError."""
    fields = _fields(payload)
    fields.update({name: _NOTHING for name in refused if name in fields})
    return Malformed(_key(fields), _version(fields), payload, (), contract, _legible(contract, fields))


def legible(contract: type[Statement], payload: bytes) -> Legible | None:
    """Return the terms that a message states, each as far as it can be read; None for a bust, which states none.

    Raises UnidentifiableError for what is no JSON object.
    """
    return _legible(contract, _fields(payload))


def edited(payload: bytes, changes: Mapping[str, object]) -> bytes:
    """Return the message with some top-level fields replaced, and every other kept byte for byte."""
    fields = _fields(payload)
    for name, value in changes.items():
        fields[name] = msgspec.Raw(msgspec.json.encode(value))
    return msgspec.json.encode(fields)


def states_version(payload: bytes) -> bool:
    """Tell whether the message states a version that can be used."""
    return _version(_fields(payload)) is not None


def stated_book(payload: bytes) -> str | None:
    """Return the book that a message names, None when it names none that could be one."""
    try:
        book = msgspec.json.decode(_fields(payload)["book"], type=str)
    except (KeyError, UnidentifiableError, *_READ_ERRORS):
        return None
    return book if name_fault(book) is None else None


def as_json(payload: bytes) -> Any:
    """Return the message for showing; None when it is no JSON, or no JSON that anybody would want to look at."""
    if payload.count(b"[") + payload.count(b"{") > _MOST_BRACKETS:
        return None
    try:
        return msgspec.json.decode(payload)
    except _READ_ERRORS:
        return None


def _fields(payload: bytes) -> _Fields:
    try:
        return msgspec.json.decode(payload, type=_Fields)
    except _READ_ERRORS as error:
        raise UnidentifiableError(plain(f"not a JSON object: {error}")) from None


def _key(fields: _Fields) -> ExecutionKey:
    names = []
    for field in IDENTITY[:2]:
        try:
            name = msgspec.json.decode(fields[field], type=str)
        except KeyError:
            raise UnidentifiableError(f"{field} is missing") from None
        except _READ_ERRORS as error:
            raise UnidentifiableError(plain(f"{field}: {error}")) from None
        if fault := name_fault(name):
            raise UnidentifiableError(f"{field} {fault}")
        names.append(name)
    return ExecutionKey(*names)


def _version(fields: _Fields) -> int | None:
    try:
        version = msgspec.json.decode(fields["version"], type=int)
    except (KeyError, *_READ_ERRORS):
        return None
    return version if version_fault(version) is None else None


def _field_faults(contract: type[Event], fields: _Fields) -> list[Reason]:
    faults = []
    for field in msgspec.structs.fields(contract):
        raw = fields.get(field.name)
        if raw is not None:
            fault = _fault(raw, field.type)
            if fault is None and field.name == "version":
                fault = version_fault(msgspec.json.decode(raw, type=int))
            if fault:
                faults.append(Reason(ReasonCode.MALFORMED_FIELD, field.name, fault))
        elif field.required:
            faults.append(Reason(ReasonCode.MISSING_FIELD, field.name, f"{field.name} is missing"))
    return faults


def _legible(contract: type[Statement], fields: _Fields) -> Legible | None:
    if contract is TradeBusted:
        return None
    kinds = {field.name: field.type for field in msgspec.structs.fields(contract)}
    stated = {name: fields[name] for name in Legible.__struct_fields__ if name in fields}
    return Legible(**{name: _decoded(raw, kinds[name]) for name, raw in stated.items()})


def _decoded(raw: msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except _READ_ERRORS:
        return msgspec.UNSET


def _fault(raw: msgspec.Raw, kind: Any) -> str | None:
    try:
        msgspec.json.decode(raw, type=kind)
    except _READ_ERRORS as error:
        return plain(str(error))
    return None
