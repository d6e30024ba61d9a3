"""Run the issuer: `python -m simulators.issuer`."""

import sys

import uvicorn
from pydantic import ValidationError

from backoffice_chassis import SystemClock
from simulators.issuer.app import create_app
from simulators.issuer.settings import IssuerSettings


def main() -> None:
    """Serve until SIGTERM. Exit code 2: wrong settings."""
    try:
        settings = IssuerSettings()
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    app = create_app(settings, SystemClock())
    uvicorn.run(app, host=settings.http_host, port=settings.http_port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
