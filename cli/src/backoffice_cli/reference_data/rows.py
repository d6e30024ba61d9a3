"""Sends rows to the platform in bulk, and says what became of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from backoffice_cli.platform import body_of
from backoffice_cli.reference_data.shipped import Row

ROWS_AT_A_TIME = 2_500
EMPLOYEES = "employees"

Progress = Callable[[str, int, int], None]
"""Told what is being loaded, how many rows are done, and of how many."""


@dataclass(slots=True)
class Loaded:
    """What became of the rows of one kind.

    proposed: wait for a second person (changed settlement instructions). refused: what the API said of rows that it
    did not take; `row` is the row's place, from 0.
    """

    kind: str
    rows: int
    changed: int = 0
    unchanged: int = 0
    proposed: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)


def load_rows(client: httpx.Client, kind: str, rows: Sequence[Row], progress: Progress) -> Loaded:
    """Load rows of one kind; sent twice, they change nothing the second time.

    client: speaks to hr as HR for employees, to trade-capture as operations for all else. Raises StackError when the
    API refuses a load as a whole.
    """
    outcome = Loaded(kind, len(rows))
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        progress(kind, start, len(rows))
        answer = _send(client, kind, rows[start : start + ROWS_AT_A_TIME])
        outcome.changed += answer["hired" if kind == EMPLOYEES else "changed"]
        outcome.unchanged += answer["unchanged"]
        outcome.proposed += answer.get("proposed", 0)
        outcome.refused += [{**refused, "row": refused["row"] + start} for refused in answer["refused"]]
    progress(kind, len(rows), len(rows))
    return outcome


def _send(client: httpx.Client, kind: str, rows: Sequence[Row]) -> dict[str, Any]:
    body = {"rows": rows}
    if kind == EMPLOYEES:
        response = client.post("/employees/bulk", json=body)
    else:
        response = client.put(f"/reference/{kind}", json=body)
    answer: dict[str, Any] = body_of(response)
    return answer
