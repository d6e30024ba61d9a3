"""The settings that docs/operators.md lists are those that the services have."""

from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from backoffice_chassis import ServiceSettings
from trade_capture.main import TradeCaptureSettings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "operators.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"


def table() -> str:
    """Return the settings as a table: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in TradeCaptureSettings.model_fields.items():
        needed = field.default is PydanticUndefined
        default = "**needed**" if needed else "" if field.default is None else f"`{field.default}`"
        alone = "" if name in ServiceSettings.model_fields else "trade-capture alone: "
        rows.append(f"| `BACKOFFICE_{name.upper()}` | {default} | {alone}{field.description} |")
    return "\n".join(rows) + "\n"


def test_the_guide_lists_every_setting_with_its_meaning_and_default() -> None:
    listed = GUIDE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert listed == table(), f"put this between the marks in {GUIDE.name}:\n{table()}"


def test_only_trade_capture_has_settings_of_its_own() -> None:
    modules = (ROOT / "services").glob("*/src/**/*.py")
    assert [path.parent.name for path in modules if "(ServiceSettings)" in path.read_text()] == [
        "trade_capture"
    ]
