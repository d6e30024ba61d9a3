import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice_events.contracts import base
from backoffice_events.contracts.base import Event, Topic, event
from backoffice_events.schemas import generate
from backoffice_events.schemas.__main__ import main
from backoffice_events.schemas.compatibility import (
    BACKWARD,
    FORWARD,
    MEANING,
    UNANNOUNCED,
    UNKNOWN,
    breaks_between,
)

pytestmark = pytest.mark.unit

BASE: dict[str, Any] = {
    "x-topic": "trading.trades.v1",
    "x-compacted": False,
    "x-key": ["trade_id"],
    "x-content-type": "application/json",
    "type": "object",
    "properties": {
        "trade_id": {"type": "string", "maxLength": 140},
        "quantity": {"type": "string", "format": "decimal"},
        "side": {"$ref": "#/$defs/Side"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "days": {"type": "integer", "minimum": 0, "maximum": 9, "default": 2},
        "charges": {"type": "array", "items": {"$ref": "#/$defs/Charge"}},
    },
    "required": ["trade_id", "quantity", "side", "charges"],
    "$defs": {
        "Side": {"enum": ["BUY", "SELL"]},
        "Charge": {"type": "object", "properties": {"amount": {"type": "string"}}, "required": ["amount"]},
    },
}

Change = Callable[[dict[str, Any]], Any]


def changed(change: Change) -> dict[str, Any]:
    schema = copy.deepcopy(BASE)
    change(schema)
    return schema


def whys(change: Change) -> list[str]:
    return [each.why for each in breaks_between({"e.json": BASE}, {"e.json": changed(change)})]


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["properties"]
    return found


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: s["required"].append("note"), BACKWARD),
        (lambda s: (properties(s).update(fee={"type": "string"}), s["required"].append("fee")), BACKWARD),
        (lambda s: s["required"].remove("quantity"), FORWARD),
        (lambda s: (properties(s).pop("quantity"), s["required"].remove("quantity")), FORWARD),
        (lambda s: s["$defs"]["Side"]["enum"].append("SHORT"), FORWARD),
        (lambda s: s["$defs"]["Side"]["enum"].remove("SELL"), BACKWARD),
        (lambda s: properties(s)["trade_id"].update(maxLength=36), BACKWARD),
        (lambda s: properties(s)["trade_id"].update(maxLength=200), FORWARD),
        (lambda s: properties(s)["trade_id"].pop("maxLength"), FORWARD),
        (lambda s: properties(s)["trade_id"].update(minLength=1), BACKWARD),
        (lambda s: properties(s)["trade_id"].update(pattern="^t"), BACKWARD),
        (lambda s: properties(s)["days"].update(minimum=1), BACKWARD),
        (lambda s: properties(s)["days"].update(minimum=-1), FORWARD),
        (lambda s: properties(s)["days"].update(default=1), MEANING),
        (lambda s: properties(s)["note"]["anyOf"].pop(), BACKWARD),
        (
            lambda s: properties(s).update(
                trade_id={"anyOf": [BASE["properties"]["trade_id"], {"type": "null"}]}
            ),
            FORWARD,
        ),
        (lambda s: s["$defs"]["Charge"]["required"].clear(), FORWARD),
    ],
)
def test_each_kind_of_break_is_found_and_says_who_is_hurt(change: Change, why: str) -> None:
    assert why in whys(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: properties(s)["quantity"].pop("format"),
        lambda s: properties(s)["quantity"].update(type="number"),
        lambda s: properties(s)["charges"].update(items={"type": "string"}),
    ],
)
def test_another_type_hurts_both_sides(change: Change) -> None:
    assert set(whys(change)) == {BACKWARD, FORWARD}


@pytest.mark.parametrize("what", ["x-topic", "x-key", "x-content-type", "x-compacted"])
def test_moving_an_event_hurts_its_consumers(what: str) -> None:
    assert whys(lambda schema: schema.update({what: "elsewhere"})) == [
        "consumers would miss events or lose their order"
    ]


def struct(fields: dict[str, Any], name: str = "Sent", **options: Any) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, list(fields.items()), kw_only=True, **options)


def schema_of(model: type[msgspec.Struct]) -> dict[str, Any]:
    (reference,), parts = msgspec.json.schema_components([model], ref_template="#/$defs/{name}")
    own = parts.pop(reference["$ref"].rsplit("/", 1)[1])
    return {**own, "$defs": parts}


FIRST = struct({"x": str}, "First", tag="first")
SECOND = struct({"y": str}, "Second", tag="second")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (struct({"a": str}), struct({"a": str}, forbid_unknown_fields=True), BACKWARD),
        (struct({"a": str}, forbid_unknown_fields=True), struct({"a": str}), FORWARD),
        (struct({"a": dict[str, str]}), struct({"a": dict[str, int]}), BACKWARD),
        (
            struct({"a": dict[str, str]}),
            struct({"a": dict[Annotated[str, msgspec.Meta(max_length=3)], str]}),
            BACKWARD,
        ),
        (struct({"a": int}), struct({"a": Annotated[int, msgspec.Meta(multiple_of=5)]}), BACKWARD),
        (struct({"a": Annotated[int, msgspec.Meta(multiple_of=5)]}), struct({"a": int}), FORWARD),
        (struct({"a": tuple[str, ...]}), struct({"a": frozenset[str]}), BACKWARD),
        (struct({"a": frozenset[str]}), struct({"a": tuple[str, ...]}), FORWARD),
        (struct({"a": tuple[str, int]}), struct({"a": tuple[int, str]}), BACKWARD),
        (struct({"a": tuple[str, int]}), struct({"a": tuple[str, int, int]}), FORWARD),
        (struct({"a": tuple[str, ...]}), struct({"a": tuple[str, str]}), BACKWARD),
        (struct({"a": list[Any]}), struct({"a": list[str]}), BACKWARD),
        (
            struct({"u": FIRST | SECOND}),
            struct({"u": struct({"x": int}, "First", tag="first") | SECOND}),
            FORWARD,
        ),
        (
            struct({"u": FIRST | SECOND}),
            struct({"u": FIRST | struct({"y": int}, "Second", tag="second")}),
            BACKWARD,
        ),
        (
            struct({"u": FIRST | SECOND}),
            struct({"u": FIRST | SECOND | struct({"z": str}, "Third", tag="third")}),
            FORWARD,
        ),
        (struct({"a": str}), struct({"a": str}, array_like=True), BACKWARD),
    ],
)
def test_what_a_contract_may_say_of_its_fields_is_compared(
    old: type[msgspec.Struct], new: type[msgspec.Struct], why: str
) -> None:
    found = breaks_between({"e.json": schema_of(old)}, {"e.json": schema_of(new)})
    assert why in [each.why for each in found]
    for model in (old, new):
        assert breaks_between({"e.json": schema_of(model)}, {"e.json": schema_of(model)}) == []


@pytest.mark.parametrize("closed", ["a field comes", "a field goes"])
def test_where_unknown_fields_are_refused_any_field_is_a_break(closed: str) -> None:
    small = schema_of(struct({"a": str}, forbid_unknown_fields=True))
    large = copy.deepcopy(small)
    large["properties"]["b"] = {"type": "string", "default": "0"}
    old, new, why = (small, large, FORWARD) if closed == "a field comes" else (large, small, BACKWARD)
    assert [each.why for each in breaks_between({"e.json": old}, {"e.json": new})] == [why]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(dependentRequired={"note": ["days"]}),
        lambda s: properties(s)["days"].update({"not": {"enum": [3]}}),
        lambda s: s["$defs"]["Charge"]["properties"]["amount"].update({"if": {}}),
        lambda s: properties(s)["note"].update(maxLength=3),
        lambda s: properties(s)["note"]["anyOf"][0].update(oneOf=[]),
        lambda s: properties(s)["side"].update(allOf=[]),
    ],
)
def test_what_is_not_compared_passes_nowhere(change: Change) -> None:
    assert whys(change) == [UNKNOWN]
    schema = changed(change)
    assert [each.why for each in breaks_between({"e.json": schema}, {"e.json": schema})] == [UNKNOWN]


def test_a_new_event_on_a_topic_that_older_releases_consume_has_to_be_announced() -> None:
    old = {"e.json": BASE}
    assert [each.why for each in breaks_between(old, {**old, "new.json": BASE})] == [UNANNOUNCED]
    assert breaks_between(old, {**old, "new.json": {**BASE, "x-announced": True}}) == []
    assert breaks_between(old, {**old, "new.json": {**BASE, "x-topic": "trading.trades.v2"}}) == []


def test_a_contract_says_in_its_schema_that_it_is_announced() -> None:
    class Announced(Event, frozen=True, kw_only=True):
        name: str

    made = event(
        "backoffice.test.announced.v1", Topic("test.announced.v1", "test"), key="name", announced=True
    )(Announced)
    try:
        assert generate.schema_of(made)["x-announced"] is True
        assert not any("x-announced" in schema for schema in generate.read(generate.COMMITTED).values())
    finally:
        del base._by_type["backoffice.test.announced.v1"]


def test_an_event_that_disappears_is_a_break_and_a_new_one_is_not() -> None:
    assert [each.change for each in breaks_between({"e.json": BASE}, {})] == ["the event is gone"]
    assert breaks_between({}, {"e.json": BASE}) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda s: properties(s).update(fee={"type": "string", "default": "0"}),
        lambda s: properties(s).pop("note"),
        lambda s: s.update(description="in other words"),
    ],
)
def test_what_hurts_nobody_is_let_through(change: Change) -> None:
    assert whys(change) == []


@given(name=st.sampled_from(sorted(generate.all_schemas())), data=st.data())
def test_a_required_field_of_any_contract_that_goes_missing_is_found(name: str, data: st.DataObject) -> None:
    schema = generate.all_schemas()[name]
    objects = [schema, *schema.get("$defs", {}).values()]
    candidates = [(place, field) for place, each in enumerate(objects) for field in each.get("required", [])]
    if not candidates:
        return  # a document
    place, field = data.draw(st.sampled_from(candidates))
    smaller = copy.deepcopy(schema)
    target = [smaller, *smaller.get("$defs", {}).values()][place]
    del target["properties"][field]
    target["required"].remove(field)
    assert breaks_between({name: schema}, {name: smaller})


def test_the_committed_schemas_are_those_of_the_contracts() -> None:
    assert generate.read(generate.COMMITTED) == generate.all_schemas()


def test_every_schema_names_its_topic_and_key() -> None:
    for name, schema in generate.all_schemas().items():
        assert name == schema["$id"].removeprefix("urn:backoffice:event:") + ".json"
        assert schema["x-topic"]
        assert schema["x-key"]


def test_check_tells_a_compatible_change_to_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate.write(tmp_path, generate.all_schemas())
    assert main(["check", "--folder", str(tmp_path)]) == 0
    path = next(tmp_path.glob("*trade-busted*"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "description": "older words"}))
    assert main(["check", "--folder", str(tmp_path)]) == 1
    assert "schemas write" in capsys.readouterr().err
    assert main(["write", "--folder", str(tmp_path)]) == 0
    assert main(["check", "--folder", str(tmp_path)]) == 0


def test_write_refuses_to_overwrite_what_the_contracts_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate.write(tmp_path, generate.all_schemas())
    path = next(tmp_path.glob("*trade-busted*"))
    older = json.loads(path.read_text())
    older["properties"]["desk"] = {"type": "string"}
    older["required"].append("desk")
    path.write_text(json.dumps(older))
    for action in ("check", "write"):
        assert main([action, "--folder", str(tmp_path)]) == 1
        assert "$.desk: a required field is gone" in capsys.readouterr().err


def test_a_comparison_with_a_revision_that_is_not_there_does_not_pass() -> None:
    with pytest.raises(SystemExit, match="no revision no-such-revision here"):
        main(["check", "--against", "no-such-revision"])
