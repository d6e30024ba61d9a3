"""A time is given as such, or as a span before now; what is neither is wrong usage."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from backoffice_cli.commands.owners import moment

pytestmark = pytest.mark.unit


def test_a_span_is_before_now() -> None:
    found = moment("2h")
    assert found is not None
    assert timedelta(hours=2) <= datetime.now(UTC) - found < timedelta(hours=3)


@pytest.mark.parametrize("text", ["1000000d", "9999999999999d", f"{'9' * 5000}s", "²d", "", "d", "yesterday"])
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        moment(text)
