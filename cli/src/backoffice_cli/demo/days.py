"""The firm's days of the demo: opened where the tape begins, then rolled."""

from collections.abc import Callable
from typing import Any

from backoffice_cli.platform import Platform, body_of

Say = Callable[[str], None]

PATH = "/reference/business-days"

FIRST_DAYS = {"US": "2024-08-08", "FED": "2024-08-08", "TARGET": "2024-08-09", "GB": "2024-08-09"}
"""The tape begins at 23:54 UTC on 8 August 2024: an evening in New York, already the 9th in Europe."""


def open_days(platform: Platform, say: Say) -> None:
    """Open the firm's first business day on each calendar."""
    with platform.client("trade-capture", "operations") as client:
        for calendar, day in FIRST_DAYS.items():
            body_of(client.post(f"{PATH}/{calendar}/open", json={"business_date": day}))
    say("business days: " + ", ".join(f"{calendar} {day}" for calendar, day in FIRST_DAYS.items()))


def roll(platform: Platform) -> dict[str, Any]:
    """Close the open day and open the next settlement day on each calendar; return the new dates."""
    with platform.client("trade-capture", "operations") as client:
        return {
            calendar: body_of(client.post(f"{PATH}/{calendar}/roll", json={}))["business_date"]
            for calendar in FIRST_DAYS
        }
