"""What `backoffice provision --kafka-users` wants to know before it touches a server."""

import pytest
from typer.testing import CliRunner, Result

from backoffice_cli.console import Exit
from backoffice_cli.main import app
from backoffice_cli.stack.catalogue import SERVICES

pytestmark = pytest.mark.unit

NOBODY = "127.0.0.1:9"
DATABASES = {
    f"{service.package.upper()}_{kind}PASSWORD": "of-a-role"
    for service in SERVICES
    for kind in ("", "OWNER_")
}


def provision(**env: str) -> Result:
    servers = ["--admin-url", f"postgresql://postgres:x@{NOBODY}/postgres", "--bootstrap-servers", NOBODY]
    return CliRunner().invoke(app, ["provision", *servers, "--kafka-users"], env={**DATABASES, **env})


def test_every_user_needs_a_password() -> None:
    result = provision(KAFKA_LEDGER_PASSWORD="there")
    assert result.exit_code == Exit.FAILED
    assert "KAFKA_FRONT_OFFICE_PASSWORD" in result.stderr
    assert "KAFKA_LEDGER_PASSWORD" not in result.stderr


def test_a_setting_that_is_missing_to_sign_in_is_named() -> None:
    result = provision(BACKOFFICE_KAFKA_SECURITY_PROTOCOL="SASL_SSL", BACKOFFICE_KAFKA_USER="admin")
    assert result.exit_code == Exit.FAILED
    assert "BACKOFFICE_KAFKA_PASSWORD" in result.stderr
    assert "is needed with SASL_SSL" in result.stderr
