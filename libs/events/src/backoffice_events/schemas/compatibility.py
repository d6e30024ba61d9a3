"""Which changes of a schema break somebody.

Within a major version old and new releases run side by side, and topics keep what old ones wrote. So a change has to
be compatible both ways: *backward*, the new release reads what the old one wrote; *forward*, the old release reads what
the new one writes. What is neither needs a new major: a new event type on a new topic.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

BACKWARD: Final = "the new release could not read what the old one wrote"
FORWARD: Final = "the old release could not read what the new one writes"
MEANING: Final = "both would read it, and understand different things"

_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_IDENTITY: Final = ("x-topic", "x-compacted", "x-key", "x-content-type")


@dataclass(frozen=True, slots=True)
class Break:
    """One incompatible change. where: file and path of the field. why: who is hurt and how."""

    where: str
    change: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.change}: {self.why}"


def breaks_between(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[Break]:
    """Return every break from one set of schemas, by file name, to the next. New files break nobody."""
    found: list[Break] = []
    for name, schema in old.items():
        if name not in new:
            found.append(
                Break(name, "the event is gone", "records of it on its topic could no longer be read")
            )
        else:
            found += _Comparison(schema, new[name]).breaks(name)
    return found


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

    def _compare(self, where: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, after = self._alternatives(self._old, old), self._alternatives(self._new, new)
        for kind in before.keys() - after.keys():
            yield Break(where, f"{kind} is no longer allowed", BACKWARD)
        for kind in after.keys() - before.keys():
            yield Break(where, f"{kind} is allowed now", FORWARD)
        for kind in sorted(before.keys() & after.keys()):
            yield from self._compare_alike(where, before[kind], after[kind])

    def _alternatives(self, root: Schema, schema: Schema) -> dict[str, Schema]:
        """Return what a value may be, by kind: one entry, or several for a union."""
        if "$ref" in schema:
            definition: Schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
            return self._alternatives(root, definition)
        if "anyOf" in schema:
            return {k: s for each in schema["anyOf"] for k, s in self._alternatives(root, each).items()}
        return {_kind(schema): schema}

    def _compare_alike(self, where: str, old: Schema, new: Schema) -> Iterator[Break]:
        yield from _compare_enums(where, old, new)
        yield from _compare_bounds(where, old, new)
        yield from self._compare_properties(where, old, new)
        if "items" in old and "items" in new:
            yield from self._compare(f"{where}[]", old["items"], new["items"])

    def _compare_properties(self, where: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before.keys() - after.keys():
            if name in needed_before:
                yield Break(f"{where}.{name}", "a required field is gone", FORWARD)
        for name in needed_after - needed_before:
            what = "a field became required" if name in before else "a new field is required"
            yield Break(f"{where}.{name}", what, BACKWARD)
        for name in needed_before - needed_after:
            if name in after:
                yield Break(f"{where}.{name}", "a required field became optional", FORWARD)
        for name in sorted(before.keys() & after.keys()):
            yield from _compare_defaults(f"{where}.{name}", before[name], after[name])
            yield from self._compare(f"{where}.{name}", before[name], after[name])


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return "one of a list"
    kind = str(schema.get("type", "anything"))
    form = schema.get("format") or schema.get("contentMediaType") or schema.get("contentEncoding")
    return f"{kind} ({form})" if form else kind


def _compare_enums(where: str, old: Schema, new: Schema) -> Iterator[Break]:
    before, after = set(old.get("enum", ())), set(new.get("enum", ()))
    for value in sorted(map(str, before - after)):
        yield Break(where, f"{value} is no longer allowed", BACKWARD)
    for value in sorted(map(str, after - before)):
        yield Break(where, f"{value} is allowed now", FORWARD)


def _compare_bounds(where: str, old: Schema, new: Schema) -> Iterator[Break]:
    for bound in (*_LOWER_BOUNDS, *_UPPER_BOUNDS, "pattern"):
        before, after = old.get(bound), new.get(bound)
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
    if bound == "pattern":
        return (BACKWARD, FORWARD)
    tightened = after > before if bound in _LOWER_BOUNDS else after < before
    return (BACKWARD,) if tightened else (FORWARD,)


def _compare_defaults(where: str, old: Schema, new: Schema) -> Iterator[Break]:
    if "default" in old and "default" in new and old["default"] != new["default"]:
        change = f"the default was {_shown(old['default'])} and is {_shown(new['default'])}"
        yield Break(where, change, MEANING)


def _shown(value: Any) -> str:
    return "absent" if value is None else json.dumps(value)
