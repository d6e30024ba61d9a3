"""`backoffice reconcile`."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
import typer
from aiokafka.errors import KafkaError
from rich.table import Table

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, failures, print_json, progress
from backoffice_cli.platform import Platform
from backoffice_cli.reconciliation.compare import compare
from backoffice_cli.reconciliation.fetch import fetch
from backoffice_cli.reconciliation.push import push
from backoffice_cli.reconciliation.records import Snapshot
from backoffice_cli.reconciliation.report import Report
from backoffice_cli.stack.errors import StackError

SHOWN = 20
MEANINGS = {
    "published": "trades that the front office named = captured + in repair + rejected",
    "no_longer_on_topic": "of the captured, what the front office's topic keeps no more: compared across services",
    "captured": "= cancelled + confirmed + mismatched + unconfirmed = cancelled + cleared + held + blocked",
    "in_repair": "wait in the repair queue, with every reason",
    "rejected": "turned down by somebody in the repair queue",
    "cancelled": "called off by the desk",
    "confirmed": "the counterparty agrees",
    "mismatched": "the counterparty sees it differently",
    "unconfirmed": "the counterparty has not answered",
    "cleared": "compliance lets it go on",
    "held": "compliance opened a case",
    "blocked": "compliance stopped it",
    "instructed": "an instruction was ever sent to the CSD, cancelled ones included",
    "settled": "of the instructed, settled in full, cancelled ones included",
    "partially_settled": "of the instructed, settled in part, cancelled ones included",
    "failing": "of the instructed, due and not settled, cancelled ones included",
}


def reconcile(
    state: StateFolder,
    otlp_endpoint: Annotated[
        str | None,
        typer.Option(
            help="Tell the result to this collector too: OTLP over HTTP.", envvar="BACKOFFICE_OTLP_ENDPOINT"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the front office's record with every service, trade by trade and in total, once all is quiet.

    Exit code 0 when all sides agree, 1 when they do not, or one does not answer; 4 when they agree, and the collector
    did not take the result. What was found is printed before it is told.

    Example: `backoffice reconcile --json | jq '.breaks'`
    """
    with failures():
        report = run(Platform.running(state.resolve()))
    if as_json:
        print_json(document(report))
    else:
        show(report)
    if otlp_endpoint is not None:
        with failures(Exit.NOT_TOLD if report.ok else Exit.FAILED):
            push(report, otlp_endpoint)
    if not report.ok:
        raise typer.Exit(Exit.FAILED)


def run(platform: Platform) -> Report:
    """Reconcile a running platform. Raises StackError or HTTPError when a side does not answer."""
    return compare(read(platform))


def read(platform: Platform) -> Snapshot:
    """Return what all sides say now. Raises StackError or HTTPError when one of them does not answer."""
    with progress.status("Reading all sides"):
        try:
            return asyncio.run(fetch(platform))
        except KafkaError as error:
            raise StackError(f"The broker does not answer: {error}", "See: backoffice status") from error
        except msgspec.MsgspecError as error:
            raise StackError(
                f"A service answers otherwise than this release expects: {error}",
                "Run one release of all parts.",
            ) from error


def document(report: Report) -> dict[str, Any]:
    """Return the report as one JSON-ready document."""
    return {"ok": report.ok, **asdict(report)}


def show(report: Report) -> None:
    """Print the report for people."""
    table = Table(
        title="\nReconciliation", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for column in ("trades", "", "what it counts"):
        table.add_column(column, justify="left" if column else "right")
    for name, number in asdict(report.trades).items():
        table.add_row(name.replace("_", " "), f"{number:,}", MEANINGS[name])
    console.print(table)
    ledger = report.ledger
    console.print(
        f"ledger {'balanced' if ledger['balanced'] else 'NOT BALANCED'}: {ledger['journals']:,} journals, "
        f"{ledger['lines']:,} lines"
    )
    console.print(
        f"unaccounted {report.unaccounted}, duplicates {report.duplicates}, outbox {report.outbox_pending}, "
        f"dead letters {report.dead_letters}, parked {report.parked}"
    )
    for each in report.breaks[:SHOWN]:
        text = f"{each.service}: {each.key}: expected {each.expected}, found {each.found}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    if len(report.breaks) > SHOWN:
        console.print(f"… and {len(report.breaks) - SHOWN} more: --json lists them all")
    console.print("[green]All sides agree[/green]" if report.ok else "[red]The sides do not agree[/red]")
