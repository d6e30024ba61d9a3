"""An event is shown as it travelled, whatever its sender put into it."""

import json

import pytest

from backoffice_cli.commands.events.tail import _print, readable
from backoffice_events.records import Headers, Record

pytestmark = pytest.mark.unit


def record(value: bytes = b"{}", key: bytes = b"k", headers: Headers = ()) -> Record:
    return Record("trading.trades.v1", key, value, headers, 1, 7)


def test_a_header_without_a_value_counts_as_missing() -> None:
    nothing: bytes = None  # type: ignore[assignment]  # Kafka has such, and aiokafka does not say so
    event = readable(record(headers=[("ce_type", b"a.type"), ("ce_id", nothing)]))
    assert (event["type"], event["id"]) == ("a.type", None)


@pytest.mark.parametrize("value", ['{"a": NaN}', '{"a": -Infinity}', '{"a": [1e999]}'])
def test_what_json_cannot_say_again_is_shown_as_its_text(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _print(readable(record(value.encode())), as_json=True)
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["data"] == value


@pytest.mark.parametrize("word", ["OMS[red]:A", "[/x]", "[bold]", "a\\"])
def test_type_and_key_are_shown_to_the_letter(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    _print(readable(record(key=word.encode(), headers=[("ce_type", word.encode())])), as_json=False)
    assert capsys.readouterr().out.startswith(f"{word} {word} None trading.trades.v1/1@7")
