"""What a client is told about a cluster depends on how the cluster is reached."""

import ssl
from pathlib import Path

import pytest
import trustme

from backoffice_events.brokers import Brokers, SaslMechanism, SecurityProtocol

pytestmark = pytest.mark.unit

SERVERS = "kafka-1:9092,kafka-2:9092"


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def test_without_a_word_nobody_signs_in_and_nothing_is_encrypted() -> None:
    assert Brokers(SERVERS).options() == {"bootstrap_servers": SERVERS, "security_protocol": "PLAINTEXT"}


def test_a_user_signs_in_by_scram_unless_told_otherwise() -> None:
    known = Brokers(SERVERS, SecurityProtocol.SASL_PLAINTEXT, "ledger", "secret").options()
    assert known == {
        "bootstrap_servers": SERVERS,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ledger",
        "sasl_plain_password": "secret",
    }
    plain = Brokers(SERVERS, SecurityProtocol.SASL_PLAINTEXT, "admin", "secret", SaslMechanism.PLAIN)
    assert plain.options()["sasl_mechanism"] == "PLAIN"


@pytest.mark.parametrize("protocol", [SecurityProtocol.SSL, SecurityProtocol.SASL_SSL])
def test_brokers_on_tls_must_show_a_certificate_of_the_ca_and_of_their_name(
    protocol: SecurityProtocol, ca_file: Path
) -> None:
    context = Brokers(SERVERS, protocol, "ledger", "secret", ca_file=ca_file).options()["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize(
    "missing", [{"user": "ledger"}, {"password": "secret"}, {"user": "", "password": "x"}]
)
def test_who_signs_in_has_a_name_and_a_password(missing: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="SASL_SSL takes a user and a password"):
        Brokers(SERVERS, SecurityProtocol.SASL_SSL, **missing)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(Brokers(SERVERS, SecurityProtocol.SASL_PLAINTEXT, "ledger", "secret"))
