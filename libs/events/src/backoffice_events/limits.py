"""What a contract's types cannot say: numbers that NUMERIC columns hold exactly, and text that they can hold at all."""

import re
from collections.abc import Callable, Iterable
from decimal import Context, Decimal, InvalidOperation
from operator import attrgetter
from typing import Any

import msgspec.inspect as types

from backoffice_events.contracts.base import Event

INTEGER_DIGITS = 18
FRACTION_DIGITS = 10

_QUANTUM = Decimal(1).scaleb(-FRACTION_DIGITS)
_EXACT = Context(prec=INTEGER_DIGITS + FRACTION_DIGITS, traps=[InvalidOperation])
_ODD_START = re.compile(rb'"[0-9.+\-eE]*[_\s\\\x80-\xff]')
PLAIN_NUMBER = re.compile(r"[0-9.+\-eE]+")
_LENIENT_NUMBER = re.compile(r"[\d.+\-eE_\s]+")
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

Check = Callable[[Any], None]


def check_number(number: Decimal) -> None:
    """Refuse NaN, infinities and what has more than 18 integer or 10 fractional digits, with ValueError."""
    try:
        exact = _EXACT.quantize(number, _QUANTUM) == number
    except InvalidOperation:
        exact = False
    if not exact:
        digits = f"{INTEGER_DIGITS} integer and {FRACTION_DIGITS} fractional digits"
        raise ValueError(f"{str(number)[:40]} is not a number of at most {digits}")


def holds_nul(document: bytes) -> bool:
    """Tell whether a JSON document holds the character NUL, which PostgreSQL cannot store as text."""
    return b"\\u0000" in document and _ESCAPED_NUL.search(document) is not None


def may_hold_odd_number(document: bytes) -> bool:
    """Tell whether a JSON document may hold what only Python reads as a number: `1_0`, ` 1 `, fullwidth digits.

    A quick look that no such number escapes; other text may look so as well, and `odd_numbers_marked` tells them apart.
    """
    return _ODD_START.search(document) is not None


def odd_numbers_marked(value: Any) -> Any:
    """Return a decoded JSON value in which such numbers can no longer be read, and text of that look still can."""
    if isinstance(value, str):
        odd = _LENIENT_NUMBER.fullmatch(value) and not PLAIN_NUMBER.fullmatch(value)
        return "?" * len(value) if odd else value
    if isinstance(value, list):
        return [odd_numbers_marked(each) for each in value]
    if isinstance(value, dict):
        return {name: odd_numbers_marked(each) for name, each in value.items()}
    return value


def number_check(contract: type[Event]) -> Check:
    """Return a function that refuses, with ValueError, an event of the contract that holds an unusable number."""
    info = types.type_info(contract)
    return (isinstance(info, types.StructType) and _struct_check(info)) or _nothing


def _nothing(_: Any) -> None:
    return None


def _struct_check(struct: types.StructType) -> Check | None:
    paths: list[str] = []
    nested: list[tuple[str, Check]] = []
    _collect(struct, "", paths, nested)
    if not paths and not nested:
        return None
    return _checker(paths, nested)


def _collect(
    struct: types.StructType, prefix: str, paths: list[str], nested: list[tuple[str, Check]]
) -> None:
    """Sort a struct's fields: numbers and plainly nested structs by path, optional structs and lists by a check."""
    for field in struct.fields:
        path, kind = prefix + field.name, field.type
        if isinstance(kind, types.StructType):
            _collect(kind, path + ".", paths, nested)
        elif any(isinstance(part, types.DecimalType) for part in _alternatives(kind)):
            paths.append(path)
        elif (check := _container_check(kind)) is not None:
            nested.append((path, check))


def _alternatives(kind: types.Type) -> Iterable[types.Type]:
    return kind.types if isinstance(kind, types.UnionType) else (kind,)


def _container_check(kind: types.Type) -> Check | None:
    for part in _alternatives(kind):
        if isinstance(part, types.StructType):
            return _struct_check(part)
        if isinstance(part, types.VarTupleType):
            return _items_check(part.item_type)
    return None


def _items_check(item: types.Type) -> Check | None:
    check = check_number if isinstance(item, types.DecimalType) else _container_item(item)
    if check is None:
        return None

    def check_items(items: Iterable[Any]) -> None:
        for each in items:
            check(each)

    return check_items


def _container_item(item: types.Type) -> Check | None:
    return _struct_check(item) if isinstance(item, types.StructType) else _container_check(item)


def _checker(paths: list[str], nested: list[tuple[str, Check]]) -> Check:
    numbers = _values(paths)
    parts = [(attrgetter(path), check) for path, check in nested]

    def check(value: Any) -> None:
        for number in numbers(value):
            if number is not None:
                check_number(number)
        for part, part_check in parts:
            if (inner := part(value)) is not None:
                part_check(inner)

    return check


def _values(paths: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not paths:
        return lambda _: ()
    getter = attrgetter(*paths)
    return getter if len(paths) > 1 else lambda value: (getter(value),)
