"""Describe the platform of docker-compose.yml, so that `backoffice --state` reaches it: addresses and secrets.

`python3 deploy/describe_platform.py FOLDER [secrets' folder]` writes FOLDER/platform.json, which only its owner can
read. The variables of deploy/profiles change what it says. Standard library alone, as make_secrets.py, whose secrets
it takes.
"""

import json
import os
import sys
from pathlib import Path

SERVICES = ("trade-capture", "compliance", "settlement", "ledger", "hr")
"""Published on loopback from this port on, in this order."""
FIRST_PORT = 18001


def description(secrets: Path) -> dict[str, object]:
    """Return where everything is, and how one signs in."""
    clients = json.loads((secrets / "issuer_clients").read_text())
    return {
        "services": {name: f"http://127.0.0.1:{FIRST_PORT + place}" for place, name in enumerate(SERVICES)},
        "token_url": os.environ.get("BACKOFFICE_TOKEN_URL", "http://127.0.0.1:18000/token"),
        "clients": {name: client["secret"] for name, client in clients.items()},
        "kafka": {
            "bootstrap_servers": os.environ.get("BACKOFFICE_KAFKA_PUBLISHED", "127.0.0.1:19092"),
            "security_protocol": "SASL_PLAINTEXT",
            "passwords": {
                user: (secrets / f"kafka_{user.replace('-', '_')}_password").read_text()
                for user in ("operator", "front-office")
            },
        },
        "otlp_endpoint": os.environ.get("BACKOFFICE_OTLP_PUBLISHED"),
    }


def main() -> None:
    """Write the description anew."""
    folder = Path(sys.argv[1])
    secrets = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / "platform.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(description(secrets), handle, indent=1)


if __name__ == "__main__":
    main()
