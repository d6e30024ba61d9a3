"""Settings come from the environment, and what is secret may come from files."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from backoffice_chassis import ServiceSettings

pytestmark = pytest.mark.unit


@pytest.fixture
def secrets_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BACKOFFICE_DATABASE_URL", raising=False)
    monkeypatch.setenv("BACKOFFICE_ISSUER_URL", "http://issuer")
    monkeypatch.setenv("BACKOFFICE_SECRETS_DIR", str(tmp_path))
    (tmp_path / "backoffice_database_url").write_text("postgresql://ledger:from-file@db/ledger\n")
    return tmp_path


def test_a_secret_is_read_from_the_file_of_its_variables_name(secrets_folder: Path) -> None:
    assert ServiceSettings().database_url == "postgresql+asyncpg://ledger:from-file@db/ledger"


def test_a_variable_wins_over_a_file(secrets_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://ledger:from-variable@db/ledger")
    assert "from-variable" in ServiceSettings().database_url


def test_no_file_is_read_unless_a_folder_is_named(
    secrets_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKOFFICE_SECRETS_DIR")
    with pytest.raises(ValidationError, match="database_url"):
        ServiceSettings()


def test_other_files_in_the_folder_are_left_alone(secrets_folder: Path) -> None:
    (secrets_folder / "issuer_clients").write_text("{}")
    assert ServiceSettings().audience == "backoffice"
