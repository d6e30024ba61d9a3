"""What the issuer is told by its environment: prefix `ISSUER_`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IssuerSettings(BaseSettings):
    """Settings of the local issuer."""

    model_config = SettingsConfigDict(env_prefix="ISSUER_", extra="ignore", frozen=True)

    state_dir: Path = Field(
        description="Folder that keeps the signing key; made when missing, readable by nobody else."
    )
    clients_file: Path = Field(
        description="JSON: {client id: {secret, subject, roles}}. Read again when it changes."
    )
    url: str = Field(
        pattern=r"^https?://\S+$", description="The issuer's name and base URL, the tokens' `iss`."
    )
    audience: str = Field(default="backoffice", description="The tokens' `aud`.")
    http_host: str = Field(default="127.0.0.1", description="Address on which it listens.")
    http_port: int = Field(ge=1, le=65535, description="Port on which it listens.")
    token_seconds: int = Field(default=900, ge=10, le=86400, description="How long a token is valid.")
