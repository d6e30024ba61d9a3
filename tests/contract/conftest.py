"""What the tests across services share."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backoffice_chassis import Service

sys.path.insert(0, str(Path(__file__).parent))

from composition import put_together


@pytest.fixture
def build() -> Callable[..., Service]:
    """Return a factory: a service's entry, and settings besides those of nowhere -> the service, its clock fixed."""
    return put_together
