"""Loads the reference data and employees that ship."""

from pathlib import Path

import httpx

from backoffice_cli.platform import body_of
from backoffice_cli.reference_data import made_up, shipped
from backoffice_cli.reference_data.rows import EMPLOYEES, Loaded, Progress, load_rows
from backoffice_cli.reference_data.shipped import Row

_LAST_DAY_OF_LEAVERS = "2024-07-31"


def load_reference_data(
    trade_capture: httpx.Client, hr: httpx.Client, data: Path, progress: Progress
) -> list[Loaded]:
    """Load everything that ships; a second load changes nothing.

    trade_capture: speaks as operations. hr: speaks as HR. Raises StackError when an API refuses outright.
    """
    counterparties = shipped.counterparties(data)
    parties = [row["lei"] for row in counterparties]
    kinds: list[tuple[str, list[Row]]] = [
        ("calendars", shipped.calendars(data)),
        ("settlement-cycles", shipped.settlement_cycles()),
        ("instruments", shipped.instruments(data)),
        ("counterparties", counterparties),
        ("books", made_up.books()),
        ("settlement-instructions", made_up.settlement_instructions(parties)),
    ]
    loaded = [load_rows(trade_capture, kind, rows, progress) for kind, rows in kinds]
    return [*loaded, _hire(hr, data, progress)]


def _hire(client: httpx.Client, data: Path, progress: Progress) -> Loaded:
    people = made_up.employees(data)
    loaded = load_rows(client, EMPLOYEES, people, progress)
    for leaver in made_up.leavers(people):
        body_of(client.post(f"/employees/{leaver}/termination", json={"last_day": _LAST_DAY_OF_LEAVERS}))
    return loaded
