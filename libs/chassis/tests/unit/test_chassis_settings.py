"""Settings come from the environment, and what is secret may come from files."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from backoffice_chassis import ServiceSettings
from backoffice_chassis.settings import KafkaSettings, kafka_environment
from backoffice_events.brokers import Brokers, SaslMechanism, SecurityProtocol

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


def test_a_kafka_user_signs_in_with_the_password_of_a_file(
    secrets_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("BACKOFFICE_KAFKA_USER", "ledger")
    (secrets_folder / "backoffice_kafka_password").write_text("from-file\n")
    brokers = ServiceSettings().brokers
    assert (brokers.user, brokers.password) == ("ledger", "from-file")


@pytest.mark.parametrize("missing", ["KAFKA_USER", "KAFKA_PASSWORD"])
def test_a_protocol_that_signs_in_names_what_is_missing(
    secrets_folder: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    told = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_USER": "ledger", "KAFKA_PASSWORD": "secret"}
    for name, value in told.items():
        if name != missing:
            monkeypatch.setenv(f"BACKOFFICE_{name}", value)
    with pytest.raises(ValidationError, match="is needed with SASL_SSL") as error:
        ServiceSettings()
    assert [each["loc"] for each in error.value.errors()] == [(missing.lower(),)]


def test_a_process_that_is_told_what_another_knows_reaches_kafka_in_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").touch()
    brokers = Brokers(
        "kafka:9093", SecurityProtocol.SASL_SSL, "csd", "secret", SaslMechanism.PLAIN, tmp_path / "ca.pem"
    )
    for name, value in kafka_environment(brokers).items():
        monkeypatch.setenv(name, value)
    assert KafkaSettings().brokers == brokers
