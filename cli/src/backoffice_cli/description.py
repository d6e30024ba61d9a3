"""A platform that runs elsewhere than in the embedded stack, as `platform.json` in a state folder describes it.

The file holds secrets: whoever writes it (`deploy/describe_platform.py` does, for the containers) closes it to others.
"""

from pathlib import Path

import msgspec

from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import description_of
from backoffice_events.brokers import Brokers, SecurityProtocol


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cluster. passwords: by user, where the protocol signs in. ca_file: relative to the description."""

    bootstrap_servers: str
    security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    passwords: dict[str, str] = {}
    ca_file: str | None = None


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a platform is, and how its users sign in.

    services: base URL by name. token_url: the issuer's token endpoint. clients: secret by client id, such as
    `operations-1`. otlp_endpoint: OpenTelemetry collector that takes the spans of front-office applications, if any.
    """

    services: dict[str, str]
    token_url: str
    clients: dict[str, str]
    kafka: Kafka
    otlp_endpoint: str | None = None

    def brokers(self, user: str, folder: Path) -> Brokers:
        """Return the cluster as one of its users reaches it. Raises StackError when the user has no password here."""
        kafka = self.kafka
        ca_file = folder / kafka.ca_file if kafka.ca_file else None
        try:
            return Brokers(
                kafka.bootstrap_servers,
                kafka.security_protocol,
                user,
                kafka.passwords.get(user),
                ca_file=ca_file,
            )
        except ValueError as error:
            path = description_of(folder)
            raise StackError(f"{path}: no password of the Kafka user {user}.", "Write it anew.") from error


def read_description(folder: Path) -> Description | None:
    """Return what a folder describes, None when it describes nothing. Raises StackError when it cannot be read."""
    path = description_of(folder)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Description)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StackError(f"{path} is no description of a platform: {error}", "Write it anew.") from error
