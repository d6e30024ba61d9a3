"""What the tests across services share: each service, put together as its own `main` does it."""

import importlib
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from backoffice_chassis import Service
from backoffice_chassis.testing import AUDIT_KEY, FIELD_KEYS, FixedClock
from backoffice_cli.stack.catalogue import ServiceEntry


@pytest.fixture
def build() -> Callable[..., Service]:
    """Return a factory: a service's entry, and settings besides those of nowhere -> the service, its clock fixed."""

    def built(entry: ServiceEntry, **more: Any) -> Service:
        main = importlib.import_module(entry.module)
        settings = get_type_hints(main.build)["settings"]
        nowhere = {"database_url": "postgresql://nobody@localhost/none", "issuer_url": "http://127.0.0.1:1"}
        service: Service = main.build(
            settings(**{**nowhere, "audit_key": AUDIT_KEY, "field_keys": FIELD_KEYS, **more}), FixedClock()
        )
        return service

    return built
