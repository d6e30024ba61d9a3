"""The settings that docs/operators.md lists are those that services, simulators and issuer have."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from backoffice_chassis import ServiceSettings
from hr.main import HrSettings
from simulators.counterparties.settings import CounterpartySettings
from simulators.csd.settings import CsdSettings
from simulators.front_office.settings import FrontOfficeSettings
from simulators.issuer.settings import IssuerSettings
from trade_capture.main import TradeCaptureSettings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "operators.md"
OWN: dict[str, type[ServiceSettings]] = {"trade-capture": TradeCaptureSettings, "hr": HrSettings}
OUTSIDE: dict[str, type[BaseSettings]] = {
    "csd": CsdSettings,
    "counterparties": CounterpartySettings,
    "front_office": FrontOfficeSettings,
    "issuer": IssuerSettings,
}
OF_TESTS = {"BACKOFFICE_OWNER_PID", "BACKOFFICE_SABOTAGE", "BACKOFFICE_SABOTAGE_ONCE"}
READ = re.compile(r'environ(?:\.get\(|\[)"(BACKOFFICE_[A-Z_]+)"')


def table() -> str:
    """Return the settings as a table: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    rows += [row(variable(name), field) for name, field in ServiceSettings.model_fields.items()]
    for service, settings in OWN.items():
        own = [name for name in settings.model_fields if name not in ServiceSettings.model_fields]
        rows += [row(variable(name), settings.model_fields[name], f"{service} alone: ") for name in own]
    return "\n".join(rows) + "\n"


def outside_table() -> str:
    """Return the settings of simulators and issuer as a table, each under the name of its process."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for process, settings in OUTSIDE.items():
        prefix = settings.model_config["env_prefix"]
        rows += [
            row(variable(name, prefix, field), field, f"{process}: ")
            for name, field in settings.model_fields.items()
        ]
    return "\n".join(rows) + "\n"


def variable(name: str, prefix: str = "BACKOFFICE_", field: FieldInfo | None = None) -> str:
    """Return the environment variable of a setting; one with names of its own is not prefixed."""
    alias = field.validation_alias if field is not None else None
    return str(alias.choices[-1]) if isinstance(alias, AliasChoices) else f"{prefix}{name.upper()}"


def row(name: str, field: FieldInfo, whose: str = "") -> str:
    """Return the table's row of a setting."""
    needed = field.default is PydanticUndefined
    default = "**needed**" if needed else "" if field.default in {None, ""} else f"`{field.default}`"
    return f"| `{name}` | {default} | {whose}{field.description} |"


@pytest.mark.parametrize(
    ("mark", "expected"),
    [("settings", table()), ("outside settings", outside_table())],
    ids=["services", "outside"],
)
def test_the_guide_lists_every_setting_with_its_meaning_and_default(mark: str, expected: str) -> None:
    listed = GUIDE.read_text().partition(f"<!-- {mark} -->\n")[2].partition(f"<!-- /{mark} -->")[0]
    assert listed == expected, f"put this between the marks in {GUIDE.name}:\n{expected}"


def test_the_processes_of_the_outside_world_with_settings_are_those_listed() -> None:
    modules = (ROOT / "simulators" / "src").rglob("*.py")
    found = {path.parent.name for path in modules if "(BaseSettings)" in path.read_text()}
    assert found == OUTSIDE.keys()


def test_the_guide_names_every_variable_that_the_command_line_itself_reads() -> None:
    modules = (ROOT / "cli" / "src").rglob("*.py")
    read = {name for path in modules for name in READ.findall(path.read_text())}
    assert {"BACKOFFICE_STATE", "BACKOFFICE_POSTGRES_BIN"} <= read
    assert [name for name in sorted(read - OF_TESTS) if name not in GUIDE.read_text()] == []


def test_the_services_with_settings_of_their_own_are_those_listed() -> None:
    modules = (ROOT / "services").glob("*/src/**/*.py")
    found = {path.parent.name for path in modules if "(ServiceSettings)" in path.read_text()}
    assert found == {service.replace("-", "_") for service in OWN}
