"""What each route of each service records in the audit log; docs/audit.md has the table."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backoffice_chassis import Service
from backoffice_chassis.testing import app_for, changing_routes
from backoffice_cli.stack.catalogue import SERVICES

pytestmark = pytest.mark.unit

GUIDE = Path(__file__).parents[2] / "docs" / "audit.md"
BEGIN, END = "<!-- routes -->\n", "<!-- /routes -->"
READING = {"compliance: POST /screenings/search"}
"""Routes that change nothing although their method says that they might."""


async def recorded(build: Callable[..., Service]) -> dict[str, str | None]:
    """Return what every changing route of every service records; those that all services have under `each`."""
    found: dict[str, dict[str, str | None]] = {}
    for entry in SERVICES:
        async with app_for(build(entry)) as app:
            found[entry.name] = changing_routes(app)
    common = set.intersection(*({*routes.items()} for routes in found.values()))
    own = {
        f"{name}: {route}": what
        for name, routes in found.items()
        for route, what in routes.items()
        if (route, what) not in common
    }
    return {**own, **{f"each: {route}": what for route, what in sorted(common)}}


def table(routes: dict[str, str | None]) -> str:
    """Return the routes as a table."""
    rows = ["| service | request | `action` | `object_type` |", "|---|---|---|---|"]
    for route, what in routes.items():
        service, _, request = route.partition(": ")
        action, _, object_type = (what or "").partition(" ")
        rows.append(f"| {service} | `{request}` | `{action}` | `{object_type}` |")
    return "\n".join(rows) + "\n"


async def test_every_route_that_changes_something_records_it(build: Callable[..., Service]) -> None:
    routes = await recorded(build)
    assert len(routes) > 40
    assert {route for route, what in routes.items() if what is None} == READING


async def test_the_guide_says_what_each_route_records(build: Callable[..., Service]) -> None:
    routes = {route: what for route, what in (await recorded(build)).items() if what is not None}
    listed = GUIDE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert listed == table(routes), f"put this between the marks in {GUIDE.name}:\n{table(routes)}"
