"""Each service, put together as its own `main` does it, with settings of nowhere."""

import importlib
from typing import Any, get_type_hints

from backoffice_chassis import Clock, Service
from backoffice_chassis.testing import AUDIT_KEY, EVENT_KEYS, FIELD_KEYS, FixedClock
from backoffice_cli.stack.catalogue import ServiceEntry


def put_together(entry: ServiceEntry, clock: Clock | None = None, **more: Any) -> Service:
    """Return a service. clock: else one that stands still. more: settings besides."""
    main = importlib.import_module(entry.module)
    settings = get_type_hints(main.build)["settings"]
    nowhere = {"database_url": "postgresql://nobody@localhost/none", "issuer_url": "http://127.0.0.1:1"}
    secrets = {"audit_key": AUDIT_KEY, "field_keys": FIELD_KEYS, "event_keys": EVENT_KEYS}
    service: Service = main.build(settings(**{**nowhere, **secrets, **more}), clock or FixedClock())
    return service
