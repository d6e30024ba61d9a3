"""Run the issuer: `python -m simulators.issuer`."""

import uvicorn

from backoffice_chassis import SystemClock
from simulators.issuer.app import create_app
from simulators.issuer.settings import IssuerSettings


def main() -> None:
    """Serve until SIGTERM."""
    settings = IssuerSettings()
    app = create_app(settings, SystemClock())
    uvicorn.run(app, host=settings.http_host, port=settings.http_port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
