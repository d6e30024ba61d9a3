"""Each service, put together as its own `main` does it, with settings of nowhere."""

import importlib
from collections.abc import Callable
from typing import Any

from backoffice_chassis import Clock, Service, ServiceSettings
from backoffice_chassis.testing import AUDIT_KEY, FixedClock
from backoffice_cli.stack.catalogue import ServiceEntry


def put_together(entry: ServiceEntry, clock: Clock | None = None, **more: Any) -> Service:
    """Return a service. clock: else one that stands still. more: settings besides."""
    main = importlib.import_module(entry.module)
    settings: Callable[..., ServiceSettings] = getattr(main, "TradeCaptureSettings", ServiceSettings)
    nowhere = {"database_url": "postgresql://nobody@localhost/none", "issuer_url": "http://127.0.0.1:1"}
    service: Service = main.build(
        settings(**{**nowhere, "audit_key": AUDIT_KEY, **more}), clock or FixedClock()
    )
    return service
