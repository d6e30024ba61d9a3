"""`backoffice day`: the firm's business day, per settlement calendar."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import console, failures, print_json
from backoffice_cli.platform import Platform, body_of, every_page

app = typer.Typer(
    help="""The firm's business day: services act on it, never on the machine's clock.

    Example: `backoffice day show --json`
    """,
    no_args_is_help=True,
)

PATH = "/reference/business-days"
Calendar = Annotated[str, typer.Argument(help="Settlement calendar: US, FED, TARGET, GB.")]
Day = Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date, YYYY-MM-DD.")]
DayOrOpen = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="Day to close; stated, a roll sent twice rolls once."),
]


@app.command("open")
def open_day(state: StateFolder, calendar: Calendar, date: Day, as_json: AsJson = False) -> None:
    """Open a day.

    Example: `backoffice day open US --date 2024-06-03`
    """
    _show([_step(state, calendar, "open", date)], as_json=as_json)


@app.command("close")
def close_day(state: StateFolder, calendar: Calendar, date: Day, as_json: AsJson = False) -> None:
    """Close the open day: what was to settle and did not is failing from now on.

    Example: `backoffice day close US --date 2024-06-03`
    """
    _show([_step(state, calendar, "close", date)], as_json=as_json)


@app.command("roll")
def roll_day(state: StateFolder, calendar: Calendar, date: DayOrOpen = None, as_json: AsJson = False) -> None:
    """Close the open day and open the next settlement day.

    Example: `backoffice day roll US`
    """
    _show([_step(state, calendar, "roll", date)], as_json=as_json)


@app.command("show")
def show_days(state: StateFolder, as_json: AsJson = False) -> None:
    """Show where the firm's day stands on each calendar.

    Example: `backoffice day show --json`
    """
    with failures():
        platform = Platform.running(state.resolve())
        with platform.client("trade-capture", "operations") as client:
            days = list(every_page(client, PATH))
    _show(days, as_json=as_json)


def _step(state: Path, calendar: str, step: str, date: datetime | None) -> dict[str, Any]:
    body = {"business_date": date.date().isoformat()} if date else {}
    with failures():
        platform = Platform.running(state.resolve())
        with platform.client("trade-capture", "operations") as client:
            answer: dict[str, Any] = body_of(client.post(f"{PATH}/{calendar}/{step}", json=body))
    return answer


def _show(days: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(days)
        return
    if not days:
        console.print("No day was ever opened. Open one: backoffice day open US --date 2024-06-03")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("calendar", "business date", "status", "version"):
        table.add_column(column)
    for day in days:
        table.add_row(day["calendar"], day["business_date"], day["status"], str(day["version"]))
    console.print(table)
