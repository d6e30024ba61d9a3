"""`backoffice load`: reference data and employees, in bulk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, failures, print_json, progress, teller
from backoffice_cli.platform import Platform
from backoffice_cli.reference_data import rows
from backoffice_cli.reference_data.files import Records, read_records
from backoffice_cli.reference_data.firm import load_shipped

SHOWN = 20

app = typer.Typer(
    help="""Load reference data and employees in bulk, from CSV files or JSON lines. A second load changes nothing.

    Example: `backoffice load shipped`
    """,
    no_args_is_help=True,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record that files hold. columns: with the optional ones in brackets. note: how a cell is written."""

    name: str
    columns: str
    note: str = ""


KINDS = (
    Kind(
        "instruments", "isin, mic, name, cfi, instrument_type, currency [active, reference_price, price_date]"
    ),
    Kind("counterparties", "lei, name, bic [country, active]"),
    Kind("books", "book, name, entity_lei, measurement [active]"),
    Kind(
        "settlement-instructions",
        "party, place_of_settlement, currency, agent_bic, safekeeping_account, cash_account, effective_from [active]",
        "A change of one that is on record waits until a second person approves it.",
    ),
    Kind(
        "settlement-cycles",
        "mic, instrument_type, effective_from, days, settlement_calendar, place_of_settlement",
    ),
    Kind(
        "calendars",
        "calendar, name, valid_from, valid_to, closures",
        "Closures in CSV: 2024-07-04;2024-09-02",
    ),
    Kind(
        rows.EMPLOYEES,
        "employee_id, given_name, family_name, department, hired_on [date_of_birth, licences]",
        "Licences in CSV: EQUITY 2024-06-03;BOND 2024-06-03 2025-06-02 (product, first and last day)",
    ),
)

File = Annotated[str, typer.Argument(help="CSV with a header, or JSON lines; - is standard input.")]
Load = Callable[..., None]


@app.command("shipped")
def shipped(state: StateFolder) -> None:
    """Load all that ships: reference data, employees, sanctions lists, compliance's first rules.

    A second load changes nothing; a record that was changed becomes what ships again. Newer sanctions lists and rules
    that are in force stay. Exit code 1 when anything was refused.

    Example: `backoffice load shipped`
    """
    with failures():
        load_shipped(Platform.running(state.resolve()), teller())


def _command(kind: Kind) -> Load:
    def load(state: StateFolder, file: File, as_json: AsJson = False) -> None:
        with failures():
            platform = Platform.running(state.resolve())
            found = _load(platform, kind.name, read_records(file))
        if as_json:
            print_json(found)
        else:
            _show(found)
        if found["refused"]:
            raise typer.Exit(Exit.FAILED)

    load.__doc__ = f"""Load {kind.name.replace("-", " ")}: good rows are taken, the others named with every reason.

    Columns, or fields of each JSON line: {kind.columns}. {kind.note}

    Exit code 1 when a row was refused.

    Example: `backoffice load {kind.name} {kind.name}.csv`
    """
    return load


for _kind in KINDS:
    app.command(_kind.name)(_command(_kind))


def _load(platform: Platform, kind: str, records: Records) -> dict[str, Any]:
    service, role = ("hr", "hr") if kind == rows.EMPLOYEES else ("trade-capture", "operations")
    with platform.client(service, role) as client, _bar() as told:
        loaded = rows.load_rows(client, kind, records.rows, told)
    refused = [{"line": line, "errors": [{"field": "", "reason": why}]} for line, why in records.unreadable]
    refused += [{"line": records.lines[one["row"]], "errors": one["errors"]} for one in loaded.refused]
    return {
        "kind": kind,
        "rows": loaded.rows + len(records.unreadable),
        "changed": loaded.changed,
        "unchanged": loaded.unchanged,
        "proposed": loaded.proposed,
        "refused": sorted(refused, key=lambda one: one["line"]),
    }


@contextmanager
def _bar() -> Iterator[rows.Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=progress, transient=True) as bar:
        task = bar.add_task("loading", total=None)
        yield lambda kind, done, of: bar.update(task, description=kind, completed=done, total=of)


def _show(found: dict[str, Any]) -> None:
    console.print(
        f"{found['kind']}: {found['rows']} rows, {found['changed']} new or changed, "
        f"{found['unchanged']} unchanged, {len(found['refused'])} refused",
        highlight=False,
    )
    if found["proposed"]:
        console.print(
            f"{found['proposed']} changes wait until a second person approves them: "
            "backoffice approvals list --kind settlement-instruction-change",
            highlight=False,
            soft_wrap=True,
        )
    for one in found["refused"][:SHOWN]:
        reasons = "; ".join(f"{each['field']} {each['reason']}".strip() for each in one["errors"])
        console.print(f"line {one['line']}: {reasons}", markup=False, highlight=False, soft_wrap=True)
    if len(found["refused"]) > SHOWN:
        console.print(f"… and {len(found['refused']) - SHOWN} more: --json lists them all")
