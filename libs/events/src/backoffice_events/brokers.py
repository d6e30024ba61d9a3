"""How a client reaches a Kafka cluster: where it starts from, and as whom."""

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class SecurityProtocol(StrEnum):
    """Whether a connection is encrypted (SSL is Kafka's word for TLS), and whether a user signs in on it."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def encrypted(self) -> bool:
        """Say whether the brokers have to show a certificate."""
        return self in {SecurityProtocol.SSL, SecurityProtocol.SASL_SSL}

    @property
    def signs_in(self) -> bool:
        """Say whether it takes a user and a password."""
        return self in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}


class SaslMechanism(StrEnum):
    """How a user signs in. PLAIN sends the password itself."""

    SCRAM_SHA_512 = "SCRAM-SHA-512"
    PLAIN = "PLAIN"


@dataclass(frozen=True, slots=True)
class Brokers:
    """A cluster as one of its users reaches it.

    bootstrap_servers: host:port by commas. user, password, mechanism: where the protocol signs in. ca_file: the
    certificate authorities (PEM) that the brokers' certificates must come from; the machine's own where None.

    Raises ValueError when the protocol signs in and there is no user or no password.
    """

    bootstrap_servers: str
    security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: SaslMechanism = SaslMechanism.SCRAM_SHA_512
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if self.security_protocol.signs_in and not (self.user and self.password):
            raise ValueError(f"{self.security_protocol} takes a user and a password")

    def options(self) -> dict[str, Any]:
        """Return what each of aiokafka's clients is made with. Raises OSError when the CA file cannot be read."""
        found: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol.value,
        }
        if self.security_protocol.encrypted:
            found["ssl_context"] = ssl.create_default_context(cafile=self.ca_file)
        if self.security_protocol.signs_in:
            found |= {
                "sasl_mechanism": self.mechanism.value,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return found
