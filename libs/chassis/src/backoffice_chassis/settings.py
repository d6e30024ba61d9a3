"""What a service is told by its environment: one variable for each setting, prefix `BACKOFFICE_`.

What is secret may come from a file instead: `BACKOFFICE_SECRETS_DIR` names a folder in which the file
`backoffice_database_url` holds what the variable `BACKOFFICE_DATABASE_URL` would. A variable wins over a file.
"""

import os
import re
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from backoffice_chassis.key_text import seed_bytes
from backoffice_chassis.secrecy.ring import parsed
from backoffice_events.brokers import Brokers, SaslMechanism, SecurityProtocol

T = TypeVar("T")
_SSLMODE = re.compile(r"(?<=[?&])sslmode=")


def for_asyncpg(url: str) -> str:
    """Return a PostgreSQL URL in the form that SQLAlchemy needs for asyncpg. Raises ValueError for another URL.

    libpq's `sslmode` is asyncpg's `ssl`; the certificate authorities are those of libpq's PGSSLROOTCERT.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError("must look like postgresql://user:password@host:port/database")
    return f"postgresql+asyncpg://{_SSLMODE.sub('ssl=', rest)}"


def _signing_key(key: SecretStr) -> SecretStr:
    seed_bytes(key.get_secret_value())
    return key


def _key_ring(ring: SecretStr) -> SecretStr:
    parsed(ring.get_secret_value())
    return ring


DatabaseUrl = Annotated[str, AfterValidator(for_asyncpg)]
SigningKey = Annotated[SecretStr, AfterValidator(_signing_key)]
FieldKeys = Annotated[SecretStr, AfterValidator(_key_ring)]


class KafkaSettings(BaseSettings):
    """How a process reaches Kafka: everybody's who speaks to it, services and simulators."""

    model_config = SettingsConfigDict(env_prefix="BACKOFFICE_", extra="ignore", frozen=True)

    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092",
        min_length=1,
        description="Kafka brokers to start from, host:port by commas.",
    )
    kafka_security_protocol: SecurityProtocol = Field(
        default=SecurityProtocol.PLAINTEXT,
        description="Kafka's word for the kind of connection: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        default=SaslMechanism.SCRAM_SHA_512, description="How the user signs in: SCRAM-SHA-512 or PLAIN."
    )
    kafka_user: str | None = Field(
        default=None,
        validate_default=True,
        description="Who signs in; needed with SASL_PLAINTEXT and SASL_SSL.",
    )
    kafka_password: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="The user's password; needed with SASL_PLAINTEXT and SASL_SSL.",
    )
    kafka_ca_file: FilePath | None = Field(
        default=None,
        description="Certificate authorities (PEM) that the brokers' certificates must come from, with SSL and "
        "SASL_SSL. Without it the machine's own.",
    )

    @field_validator("kafka_user", "kafka_password")
    @classmethod
    def _is_there_to_sign_in(cls, value: T, info: ValidationInfo) -> T:
        protocol = info.data.get("kafka_security_protocol", SecurityProtocol.PLAINTEXT)
        if protocol.signs_in and not value:
            raise ValueError(f"is needed with {protocol}")
        return value

    @property
    def brokers(self) -> Brokers:
        """Return the cluster as this process reaches it."""
        return Brokers(
            self.kafka_bootstrap_servers,
            self.kafka_security_protocol,
            self.kafka_user,
            self.kafka_password.get_secret_value() if self.kafka_password else None,
            self.kafka_sasl_mechanism,
            self.kafka_ca_file,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic passes it by name; no service reads one
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  it knows no folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the files of BACKOFFICE_SECRETS_DIR, if that is set."""
        folder = os.environ.get("BACKOFFICE_SECRETS_DIR")
        files = (SecretsSettingsSource(settings_cls, secrets_dir=folder),) if folder else ()
        return (init_settings, env_settings, *files)


def kafka_environment(brokers: Brokers) -> dict[str, str]:
    """Return what another process is told by its environment, so that it reaches Kafka in the same way."""
    told = {
        "BOOTSTRAP_SERVERS": brokers.bootstrap_servers,
        "SECURITY_PROTOCOL": brokers.security_protocol.value,
        "SASL_MECHANISM": brokers.mechanism.value,
        "USER": brokers.user,
        "PASSWORD": brokers.password,
        "CA_FILE": brokers.ca_file and str(brokers.ca_file),
    }
    return {f"BACKOFFICE_KAFKA_{name}": value for name, value in told.items() if value}


class ServiceSettings(KafkaSettings):
    """Settings that every service has. A service adds its own by subclassing."""

    database_url: DatabaseUrl = Field(
        description="The service's own PostgreSQL database, as the role that may read and write but not define. "
        "With `?sslmode=verify-full` at its end the connection is encrypted, and the server's name checked."
    )
    migration_database_url: DatabaseUrl | None = Field(
        default=None,
        description="The same database as the role that owns the tables; only `migrate` and `replay` use it. "
        "Without it they use database_url.",
    )
    database_pool_size: int = Field(
        default=10,
        ge=3,  # relay and periodic jobs keep one each for as long as they lead
        le=100,
        description="Connections that one process may hold to its database.",
    )
    issuer_url: str = Field(
        description="OpenID Connect issuer: tokens must name it as `iss`, and its discovery document is read from it.",
        pattern=r"^https?://\S+$",
    )
    audience: str = Field(default="backoffice", description="What a token's `aud` must contain.")
    clock_skew_seconds: int = Field(
        default=30,
        ge=0,
        le=300,
        description="How far the issuer's clock and ours may differ when a token is judged.",
    )
    whole_firm_by_role: bool = Field(
        default=False,
        description="Whether a token that names neither `entities` nor `books` needs `whole-firm` among its `roles`. "
        "Without, such a token is for the whole firm.",
    )
    audit_key: SigningKey | None = Field(
        default=None,
        description="The service's own Ed25519 private key for its audit log: 32 random bytes in base64, a secret. "
        "Needed by `all`, `api` and `worker`.",
    )
    field_keys: FieldKeys | None = Field(
        default=None,
        description="The service's own keys that wrap the data keys of personal and bank data, the one that encrypts "
        "first: `2:key,1:key`, each with its version, each 32 random bytes in base64; a secret. Needed by `all`, "
        "`api`, `worker` and `keys`.",
    )
    event_keys: FieldKeys | None = Field(
        default=None,
        description="Keys that the accounts of trades are encrypted by in events, written like the ones before; a "
        "secret that trade-capture and settlement share. trade-capture says accounts in clear without.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address on which the service listens.")
    http_port: int = Field(default=8000, ge=0, le=65535, description="Port on which the service listens.")
    max_body_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=1024,
        description="Largest request body taken; a larger one is answered 413.",
    )
    max_requests_in_flight: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Requests that one process works on at a time; one more is answered 503 with Retry-After.",
    )
    max_body_bytes_in_flight: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        description="Bytes of request bodies that one process holds at a time; more are answered 503 with Retry-After.",
    )
    max_requests_per_second: int = Field(
        default=500,
        ge=1,
        description="Requests a second that one caller is answered; more are answered 429 with Retry-After.",
    )
    max_connections: int = Field(
        default=1000,
        ge=10,
        description="HTTP connections that one process holds. One more takes the place of the one that has waited for "
        "a request the longest, and is closed when none waits. One that sends no whole request head within 10 s, or "
        "does not take its answer within 60 s, is closed.",
    )
    request_timeout_seconds: int = Field(
        default=30, ge=1, le=600, description="A request that takes longer is rolled back and answered 503."
    )
    report_timeout_seconds: int = Field(
        default=600,
        ge=1,
        le=3600,
        description="The same for a request that reads whole tables, such as control totals; a process answers one of"
        " them at a time, over a database connection of its own.",
    )
    shutdown_timeout_seconds: int = Field(
        default=10, ge=1, le=300, description="How long work in hand may take to finish after SIGTERM."
    )
    stuck_after_seconds: int = Field(
        default=300, ge=5, description="A consumer that made no progress for this long makes /livez fail."
    )
    idempotency_retention_hours: int = Field(
        default=72, ge=1, description="How long the answer to an Idempotency-Key is kept for a repeat."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="json for machines, console for people."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="OpenTelemetry collector (OTLP over HTTP, e.g. http://collector:4318). Without it no span is sent.",
    )
    trace_sample_ratio: Decimal = Field(
        default=Decimal("0.01"), ge=0, le=1, description="Share of the traces begun here that are recorded."
    )

    def required_audit_key(self) -> str:
        """Return the audit log's private key. Raises ValueError when the process was given none."""
        if self.audit_key is None:
            raise ValueError("BACKOFFICE_AUDIT_KEY is missing: 32 random bytes in base64, the service's own")
        return self.audit_key.get_secret_value()

    def required_field_keys(self) -> str:
        """Return the keys that wrap data keys. Raises ValueError when the process was given none."""
        if self.field_keys is None:
            raise ValueError(
                "BACKOFFICE_FIELD_KEYS is missing: `1:` and 32 random bytes in base64, the service's own"
            )
        return self.field_keys.get_secret_value()
