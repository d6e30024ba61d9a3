"""The settings that docs/operators.md lists are those that the services have."""

from pathlib import Path

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from backoffice_chassis import ServiceSettings
from hr.main import HrSettings
from trade_capture.main import TradeCaptureSettings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "operators.md"
OWN: dict[str, type[ServiceSettings]] = {"trade-capture": TradeCaptureSettings, "hr": HrSettings}
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"


def table() -> str:
    """Return the settings as a table: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    rows += [row(name, field) for name, field in ServiceSettings.model_fields.items()]
    for service, settings in OWN.items():
        own = [name for name in settings.model_fields if name not in ServiceSettings.model_fields]
        rows += [row(name, settings.model_fields[name], f"{service} alone: ") for name in own]
    return "\n".join(rows) + "\n"


def row(name: str, field: FieldInfo, alone: str = "") -> str:
    """Return the table's row of a setting."""
    needed = field.default is PydanticUndefined
    default = "**needed**" if needed else "" if field.default is None else f"`{field.default}`"
    return f"| `BACKOFFICE_{name.upper()}` | {default} | {alone}{field.description} |"


def test_the_guide_lists_every_setting_with_its_meaning_and_default() -> None:
    listed = GUIDE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert listed == table(), f"put this between the marks in {GUIDE.name}:\n{table()}"


def test_the_services_with_settings_of_their_own_are_those_listed() -> None:
    modules = (ROOT / "services").glob("*/src/**/*.py")
    found = {path.parent.name for path in modules if "(ServiceSettings)" in path.read_text()}
    assert found == {service.replace("-", "_") for service in OWN}
