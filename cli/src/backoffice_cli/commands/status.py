"""`backoffice status`."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer
from rich.table import Table

from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, failures, print_json, progress
from backoffice_cli.description import Description, read_description
from backoffice_cli.stack.catalogue import SERVICES
from backoffice_cli.stack.ports import LOOPBACK
from backoffice_cli.stack.state import Component, Phase, State, read_state, supervisor_pid

SERVICE_NAMES = {service.name for service in SERVICES}
HTTP = {*SERVICE_NAMES, "issuer"}
READY_SECONDS = 10
NOT_RUNNING = "The platform is not running. Start it: backoffice up"
COLOURS = {Phase.READY: "green", Phase.FAILED: "red", Phase.DEGRADED: "red", Phase.RESTARTING: "yellow"}


def status(
    state: StateFolder,
    as_env: Annotated[
        bool,
        typer.Option("--env", help="Print the addresses as shell variables: LEDGER, TRADE_CAPTURE, KAFKA, …"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what runs where: each component's state, address, process, memory and restarts.

    Exit code 0 when everything is ready, 1 when something is not, 3 when the platform is not running.

    Example: `eval "$(backoffice status --env)"; curl $LEDGER/readyz`
    """
    with failures():
        found = describe(state.resolve())
    if as_json:
        print_json(found)
    elif as_env:
        print_environment(found)
    else:
        show(found)
    if not found["running"]:
        raise typer.Exit(Exit.NOT_RUNNING)
    if found["phase"] != Phase.READY:
        raise typer.Exit(Exit.FAILED)


def describe(folder: Path) -> dict[str, Any]:
    """Return the platform's state as one JSON-ready document."""
    if description := read_description(folder):
        return _described(folder, description)
    state, pid = read_state(folder), supervisor_pid(folder)
    if state is None or pid is None or state.supervisor_pid != pid:
        return {"running": False, "phase": Phase.STOPPED, "state": str(folder), "components": {}}
    problems = _problems(state)
    return {
        "running": True,
        "phase": Phase.DEGRADED if problems else _phase(state),
        "state": str(folder),
        "supervisor_pid": pid,
        "bootstrap_servers": state.bootstrap_servers,
        "issuer_url": state.issuer_url,
        "components": {name: _component(part) for name, part in state.components.items()},
        "problems": problems,
    }


def _described(folder: Path, description: Description) -> dict[str, Any]:
    """Return what the services of a platform elsewhere say of themselves: nothing else can be seen from here."""
    problems = {
        name: reasons for name, url in description.services.items() if (reasons := _failures(f"{url}/readyz"))
    }
    unseen = dict.fromkeys(("pid", "memory_mb", "up_seconds", "restarts"))
    return {
        "running": True,
        "phase": Phase.DEGRADED if problems else Phase.READY,
        "state": str(folder),
        "bootstrap_servers": description.kafka.bootstrap_servers,
        "token_url": description.token_url,
        "components": {
            name: {
                "phase": Phase.DEGRADED if name in problems else Phase.READY,
                "url": url,
                "switches": [],
                **unseen,
            }
            for name, url in description.services.items()
        },
        "problems": problems,
    }


def _problems(state: State) -> dict[str, dict[str, str]]:
    """Return what each service that runs says of itself when it is not ready, such as a consumer that has stopped."""
    found = {}
    for name, part in state.components.items():
        if name in SERVICE_NAMES and part.phase is Phase.READY:
            failures = _failures(f"http://{LOOPBACK}:{part.port}/readyz")
            if failures:
                found[name] = failures
    return found


def _failures(url: str) -> dict[str, str]:
    try:
        answer = httpx.get(url, timeout=READY_SECONDS, trust_env=False)
        failures: dict[str, str] = {} if answer.is_success else answer.json()["failures"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return {"readyz": f"no usable answer: {type(error).__name__}"}
    return failures


def _phase(state: State) -> Phase:
    """Return the whole's phase: what was ready once is degraded while a part of it is not."""
    everything_ready = all(part.phase is Phase.READY for part in state.components.values())
    return Phase.DEGRADED if state.phase is Phase.READY and not everything_ready else state.phase


def _component(part: Component) -> dict[str, Any]:
    address = f"{LOOPBACK}:{part.port}" if part.port else None
    return {
        "phase": part.phase,
        "url": f"http://{address}" if part.name in HTTP else address,
        "pid": part.pid,
        "memory_mb": _memory(part.pid),
        "up_seconds": int(time.time() - part.started) if part.started else None,
        "restarts": part.restarts,
        "switches": part.switches,
    }


def _memory(pid: int | None) -> int | None:
    try:
        return psutil.Process(pid).memory_info().rss // 1_000_000 if pid else None
    except psutil.Error:
        return None


def print_environment(found: dict[str, Any]) -> None:
    """Print the address of each component as a shell assignment; `eval` reads that, so all else goes to stderr."""
    if not found["running"]:
        progress.print(NOT_RUNNING)
    for name, part in found["components"].items():
        if part["url"]:
            sys.stdout.write(f"export {name.upper().replace('-', '_')}={part['url']}\n")


def show(found: dict[str, Any]) -> None:
    """Print the state for people."""
    if not found["running"]:
        console.print(NOT_RUNNING)
        return
    table = Table(title=f"Back office: {found['phase']}", title_justify="left", box=None, pad_edge=False)
    for column in ("component", "state", "address", "pid", "MB", "restarts"):
        table.add_column(column, justify="right" if column in ("pid", "MB", "restarts") else "left")
    for name, part in found["components"].items():
        colour = COLOURS.get(part["phase"], "white")
        cells = (
            part["url"] or " ".join(part["switches"]),
            *("" if part[name] is None else str(part[name]) for name in ("pid", "memory_mb", "restarts")),
        )
        table.add_row(name, f"[{colour}]{part['phase']}[/{colour}]", *cells)
    console.print(table)
    for name, reasons in found["problems"].items():
        for what, why in reasons.items():
            console.print(f"{name}: {what}: {why}", markup=False, highlight=False)
