"""Rows for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table

from backoffice_cli.console import console, print_json

UNBROKEN = {"group", "service", "topic", "place"}
"""A name in two parts cannot be copied."""


def show_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table, or that there are none."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in UNBROKEN)
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    console.print(table if table.row_count else "None.")


def show_entries(entries: Iterable[tuple[str, str]]) -> None:
    """Print each entry as a line that names it and an indented one that explains it, or that there are none."""
    none = True
    for name, explanation in entries:
        none = False
        console.print(name, style="bold", markup=False, highlight=False, soft_wrap=True)
        console.print(f"  {explanation}", markup=False, highlight=False, soft_wrap=True)
    if none:
        console.print("None.")


def show_approvals(found: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print approvals, each with its service."""
    if as_json:
        print_json(found)
        return
    show_entries(
        (
            words(one["service"], one["approval_id"], one["kind"], one["object_id"], one["status"]),
            f"{one['proposed_by']}: {one['reason']}; until {one['expires_at']}: {one['terms']}{_outcome(one)}",
        )
        for one in found
    )


def _outcome(approval: dict[str, Any]) -> str:
    """Return what carrying it out came to, which is answered to who approved it."""
    return f" -> {approval['outcome']}" if approval.get("outcome") else ""


def words(*parts: object) -> str:
    """Return what is there of the parts, as one line."""
    return " ".join(str(part) for part in parts if part is not None)


def age(seconds: float | None) -> str:
    """Return a span of time in its largest unit."""
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
