"""The service's HTTP edge as a whole."""

import pytest
from fastapi import FastAPI

from backoffice_chassis.testing import unguarded_routes

pytestmark = pytest.mark.integration


async def test_every_route_needs_a_token(app: FastAPI) -> None:
    assert await unguarded_routes(app) == []
