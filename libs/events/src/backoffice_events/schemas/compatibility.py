"""Which changes of a schema break somebody.

Within a major version old and new releases run side by side, and topics keep what old ones wrote. So a change has to
be compatible both ways: *backward*, the new release reads what the old one wrote; *forward*, the old release reads what
the new one writes. What is neither needs a new major: a new event type on a new topic.

A keyword of JSON Schema that is not compared here is a break wherever it stands, so that none is passed unseen.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]
AnySchema = Schema | bool
"""True allows anything, False nothing."""

BACKWARD: Final = "the new release could not read what the old one wrote"
FORWARD: Final = "the old release could not read what the new one writes"
MEANING: Final = "both would read it, and understand different things"
UNKNOWN: Final = "nobody can say who is hurt: teach the comparison this keyword, or do without it"
UNANNOUNCED: Final = (
    "releases that do not know it make it a dead letter, and later events of its key may wait behind it: declare it"
    " with `announced=True` in one release, and publish it in a later one, when every consumer runs the first"
)

_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_YES_OR_NO: Final = ("pattern", "multipleOf", "uniqueItems")
"""Bounds that are neither wider nor narrower than others."""
_IDENTITY: Final = ("x-topic", "x-compacted", "x-key", "x-content-type")
_SAID: Final = {
    *("$schema", "$id", "$defs", "title", "description", "default", "examples", "deprecated", "x-announced"),
    *_IDENTITY,
}
"""What allows and forbids no value, or is compared elsewhere."""
_BY_ALTERNATIVE: Final = {"$ref", "anyOf", "discriminator"}
_COMPARED: Final = {
    *("type", "format", "contentMediaType", "contentEncoding", "enum", "const", "properties", "required"),
    *("additionalProperties", "propertyNames", "items", "prefixItems"),
    *(*_LOWER_BOUNDS, *_UPPER_BOUNDS, *_YES_OR_NO),
}


@dataclass(frozen=True, slots=True)
class Break:
    """One incompatible change. where: file and path of the field. why: who is hurt and how."""

    where: str
    change: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.change}: {self.why}"


def breaks_between(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[Break]:
    """Return every break from one set of schemas, by file name, to the next.

    A new file breaks nobody on a topic of its own; on one that older releases consume it has to be announced.
    """
    found: list[Break] = []
    for name, schema in old.items():
        if name not in new:
            found.append(
                Break(name, "the event is gone", "records of it on its topic could no longer be read")
            )
        else:
            found += _Comparison(schema, new[name]).breaks(name)
    return found + list(_unannounced(old, new))


def _unannounced(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> Iterator[Break]:
    consumed = {schema.get("x-topic") for schema in old.values()}
    for name in sorted(new.keys() - old.keys()):
        topic = new[name].get("x-topic")
        if topic in consumed and not new[name].get("x-announced"):
            yield Break(name, f"a new event on {topic}", UNANNOUNCED)


class _UnknownKeywordError(Exception):
    """A schema says something that is not compared."""


class _Comparison:
    """One file's old and new schema; their definitions resolve references."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new

    def breaks(self, name: str) -> Iterator[Break]:
        for what in _IDENTITY:
            if self._old.get(what) != self._new.get(what):
                change = f"{what} was {self._old.get(what)} and is {self._new.get(what)}"
                yield Break(name, change, "consumers would miss events or lose their order")
        yield from self._compare(f"{name} $", self._old, self._new)

    def _compare(self, where: str, old: AnySchema, new: AnySchema) -> Iterator[Break]:
        try:
            before, after = _alternatives(self._old, old), _alternatives(self._new, new)
        except _UnknownKeywordError as unknown:
            yield Break(where, str(unknown), UNKNOWN)
            return
        for kind in before.keys() - after.keys():
            yield Break(where, f"{kind} is no longer allowed", BACKWARD)
        for kind in after.keys() - before.keys():
            yield Break(where, f"{kind} is allowed now", FORWARD)
        for kind in sorted(before.keys() & after.keys()):
            yield from self._compare_alike(where, before[kind], after[kind])

    def _compare_alike(self, where: str, old: Schema, new: Schema) -> Iterator[Break]:
        yield from _compare_enums(where, old, new)
        yield from _compare_bounds(where, old, new)
        yield from self._compare_properties(where, old, new)
        yield from self._compare_parts(f"{where}.*", "additionalProperties", old, new)
        yield from self._compare_parts(f"{where} names", "propertyNames", old, new)
        for place in range(max(len(each.get("prefixItems", ())) for each in (old, new))):
            yield from self._compare(f"{where}[{place}]", _item(old, place), _item(new, place))
        yield from self._compare_parts(f"{where}[]", "items", old, new)

    def _compare_parts(self, where: str, keyword: str, old: Schema, new: Schema) -> Iterator[Break]:
        """Compare what a keyword asks of every part of a value; without it a part may be anything."""
        if keyword in old or keyword in new:
            yield from self._compare(where, old.get(keyword, True), new.get(keyword, True))

    def _compare_properties(self, where: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before.keys() - after.keys():
            if name in needed_before:
                yield Break(f"{where}.{name}", "a required field is gone", FORWARD)
            if new.get("additionalProperties") is False:
                yield Break(f"{where}.{name}", "a field is gone, and unknown ones are refused", BACKWARD)
        if old.get("additionalProperties") is False:
            for name in after.keys() - before.keys():
                yield Break(f"{where}.{name}", "a new field, where unknown ones are refused", FORWARD)
        for name in needed_after - needed_before:
            what = "a field became required" if name in before else "a new field is required"
            yield Break(f"{where}.{name}", what, BACKWARD)
        for name in needed_before - needed_after:
            if name in after:
                yield Break(f"{where}.{name}", "a required field became optional", FORWARD)
        for name in sorted(before.keys() & after.keys()):
            yield from _compare_defaults(f"{where}.{name}", before[name], after[name])
            yield from self._compare(f"{where}.{name}", before[name], after[name])


def _alternatives(root: Schema, schema: AnySchema) -> dict[str, Schema]:
    """Return what a value may be, by kind: one entry, or several for a union."""
    if isinstance(schema, bool):
        return {_kind({}): {}} if schema else {}
    by_alternative = "$ref" in schema or "anyOf" in schema
    if unknown := schema.keys() - _SAID - (_BY_ALTERNATIVE if by_alternative else _COMPARED):
        raise _UnknownKeywordError(f"{', '.join(sorted(unknown))} is not compared")
    if "$ref" in schema:
        return _alternatives(root, root["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in schema:
        return _members(root, schema)
    return {_kind(schema): schema}


def _members(root: Schema, union: Schema) -> dict[str, Schema]:
    """Return the alternatives of a union: objects by their tag, others of one kind by their place."""
    tag = union.get("discriminator", {}).get("propertyName")
    found: dict[str, Schema] = {}
    for each in union["anyOf"]:
        for kind, schema in _alternatives(root, each).items():
            tags = schema.get("properties", {}).get(tag, {}).get("enum", [])
            name = f"{kind} tagged {', '.join(map(str, tags))}" if tags else kind
            while name in found:
                name = f"{name}, another"
            found[name] = schema
    return found


def _item(schema: Schema, place: int) -> AnySchema:
    """Return what an array's item of a place may be."""
    prefix = schema.get("prefixItems", ())
    found: AnySchema = prefix[place] if place < len(prefix) else schema.get("items", True)
    return found


def _kind(schema: Schema) -> str:
    if "enum" in schema or "const" in schema:
        return "one of a list"
    kind = str(schema.get("type", "anything"))
    form = schema.get("format") or schema.get("contentMediaType") or schema.get("contentEncoding")
    return f"{kind} ({form})" if form else kind


def _compare_enums(where: str, old: Schema, new: Schema) -> Iterator[Break]:
    before, after = _listed(old), _listed(new)
    for value in sorted(map(str, before - after)):
        yield Break(where, f"{value} is no longer allowed", BACKWARD)
    for value in sorted(map(str, after - before)):
        yield Break(where, f"{value} is allowed now", FORWARD)


def _listed(schema: Schema) -> set[Any]:
    return {*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())}


def _compare_bounds(where: str, old: Schema, new: Schema) -> Iterator[Break]:
    for bound in (*_LOWER_BOUNDS, *_UPPER_BOUNDS, *_YES_OR_NO):
        before, after = (None if each.get(bound) is False else each.get(bound) for each in (old, new))
        if before == after:
            continue
        change = f"{bound} was {_shown(before)} and is {_shown(after)}"
        for why in _who_is_hurt(bound, before, after):
            yield Break(where, change, why)


def _who_is_hurt(bound: str, before: Any, after: Any) -> tuple[str, ...]:
    if before is None:
        return (BACKWARD,)
    if after is None:
        return (FORWARD,)
    if bound in _YES_OR_NO:
        return (BACKWARD, FORWARD)
    tightened = after > before if bound in _LOWER_BOUNDS else after < before
    return (BACKWARD,) if tightened else (FORWARD,)


def _compare_defaults(where: str, old: Schema, new: Schema) -> Iterator[Break]:
    if "default" in old and "default" in new and old["default"] != new["default"]:
        change = f"the default was {_shown(old['default'])} and is {_shown(new['default'])}"
        yield Break(where, change, MEANING)


def _shown(value: Any) -> str:
    return "absent" if value is None else json.dumps(value)
