"""What each route of each service records in the audit log; docs/audit.md has the table."""

import importlib
from pathlib import Path

import pytest

from backoffice_chassis import ServiceSettings
from backoffice_chassis.testing import AUDIT_KEY, FixedClock, app_for, changing_routes
from backoffice_cli.stack.catalogue import SERVICES

pytestmark = pytest.mark.unit

GUIDE = Path(__file__).parents[2] / "docs" / "audit.md"
BEGIN, END = "<!-- routes -->\n", "<!-- /routes -->"
READING = {"compliance: POST /screenings/search"}
"""Routes that change nothing although their method says that they might."""


async def recorded() -> dict[str, str | None]:
    """Return what every changing route of every service records; those that all services have under `each`."""
    found: dict[str, dict[str, str | None]] = {}
    for entry in SERVICES:
        main = importlib.import_module(entry.module)
        settings: type[ServiceSettings] = getattr(main, "TradeCaptureSettings", ServiceSettings)
        surroundings = {
            "database_url": "postgresql://nobody@localhost/none",
            "issuer_url": "http://127.0.0.1:1",
        }
        async with app_for(main.build(settings(**surroundings, audit_key=AUDIT_KEY), FixedClock())) as app:
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


async def test_every_route_that_changes_something_records_it() -> None:
    routes = await recorded()
    assert len(routes) > 40
    assert {route for route, what in routes.items() if what is None} == READING


async def test_the_guide_says_what_each_route_records() -> None:
    routes = {route: what for route, what in (await recorded()).items() if what is not None}
    listed = GUIDE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert listed == table(routes), f"put this between the marks in {GUIDE.name}:\n{table(routes)}"
