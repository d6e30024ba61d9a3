"""The demo from beginning to end."""

import shutil
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backoffice_cli.console import progress as terminal
from backoffice_cli.console import teller
from backoffice_cli.demo.days import PATH as BUSINESS_DAYS
from backoffice_cli.demo.days import open_days, roll
from backoffice_cli.flow import FrontOffice, Quiet, Switches, command_line, record_of
from backoffice_cli.platform import Platform, Stack, every_page
from backoffice_cli.reference_data.firm import load_shipped
from backoffice_cli.stack.control import bring_down, bring_up, delete_data, run_simulators
from backoffice_cli.stack.errors import StackError
from backoffice_cli.stack.paths import description_of, repository_root
from backoffice_cli.stack.topology import Topology, choose

Say = Callable[[str], None]

MARKER = "demo"
"""Stands in the state folder while the data there are the demo's, which the next demo may delete."""

ROLLS = 6
_LATE_SECONDS = 3
_MOST_SECONDS = 300

_FRONT_OFFICE: Switches = {
    "amends": Decimal("0.02"),
    "busts": Decimal("0.01"),
    "resends": Decimal("0.01"),
    "conflicting-resends": Decimal("0.003"),
    "bad-data": Decimal("0.01"),
    "fat-fingers": Decimal("0.002"),
    "leavers": Decimal("0.002"),
}
COUNTERPARTIES: Switches = {
    "early": Decimal("0.10"),
    "late": Decimal("0.05"),
    "never": Decimal("0.01"),
    "twice": Decimal("0.02"),
    "different": Decimal("0.01"),
    "corrected": Decimal("0.02"),
    "late-seconds": _LATE_SECONDS,
}
CSD: Switches = {
    "rejected": Decimal("0.002"),
    "unmatched": Decimal("0.02"),
    "delayed": Decimal("0.02"),
    "failing": Decimal("0.03"),
    "partial": Decimal("0.02"),
    "cancellation-denied": Decimal("0.1"),
}
_STEPS = {
    "trade-capture.trades": "reports taken in",
    "trade-capture.confirmations": "confirmations matched",
    "compliance.trades": "trades checked",
    "settlement.trades": "steps to settlement",
    "settlement.csd": "CSD advices",
    "ledger.trades": "events booked",
}


def prepare_platform(folder: Path, say: Say) -> Platform:
    """Return a platform without data: the one that the folder describes, or else its own stack, started over.

    Raises StackError rather than delete data that are not a demo's.
    """
    if description_of(folder).exists():
        return _found_empty(Platform.running(folder))
    return prepare_stack(folder, say)


def _found_empty(platform: Platform) -> Platform:
    """Mark a platform that runs elsewhere as the demo's. Raises StackError when it holds anything."""
    with platform.client("trade-capture", "operations") as client:
        if any(every_page(client, BUSINESS_DAYS)):
            raise StackError(
                "The platform holds data, and a demo begins with none.",
                "Give them up first (containers: make compose-clean).",
            )
    _mark(platform.folder)
    return platform


def _mark(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    shutil.rmtree(record_of(folder).parent, ignore_errors=True)


def prepare_stack(folder: Path, say: Say) -> Stack:
    """Start over with an empty stack. Raises StackError rather than delete data that are not a demo's."""
    marker = folder / MARKER
    if (folder / "plan.json").exists() and not marker.exists():
        raise StackError(
            f"{folder} holds data that are not a demo's.",
            "Run the demo in another folder (backoffice demo --state DIR), or give these up first: "
            "backoffice down --delete-data",
        )
    if marker.exists():
        say("Removing what the last demo left")
        bring_down(folder)
        delete_data(folder)
    choose(folder, Topology(traces=True))
    _mark(folder)
    bring_up(folder, say)
    return Stack.running(folder)


def prepare_firm(platform: Platform, seed: str, say: Say) -> None:
    """Put in place what a firm has before its first trade, and the counterparties and CSD that it deals with.

    Elsewhere than in a stack of ours these run already (containers: profile `simulators`).
    """
    load_shipped(platform, say)
    open_days(platform, say)
    if isinstance(platform, Stack):
        run_simulators(
            platform.folder,
            {
                "counterparties": command_line({**COUNTERPARTIES, "seed": seed}),
                "csd": command_line({**CSD, "seed": seed}),
            },
        )
    _wait(platform, "Waiting until every service has its copy of the reference data", still_for=1)


def trade(platform: Platform, trades: int, rate: int, seed: str) -> None:
    """Let the front office replay the tape, with every mishap switched on; return once nothing moves any more."""
    switches: Switches = {
        **_FRONT_OFFICE,
        "trades": trades,
        "rate": rate,
        "seed": seed,
        "data": repository_root() / "data",
        "record": record_of(platform.folder),
    }
    with FrontOffice(platform, switches) as front_office:
        what = f"{trades:,} trades of a real tape at {rate} a second, mishaps on all sides"
        _wait(platform, what, still_for=_LATE_SECONDS + 1, busy=lambda: front_office.publishes)


def settle(platform: Platform) -> None:
    """Roll the firm's day until what can settle has settled."""
    for _ in range(ROLLS):
        days = roll(platform)
        named = ", ".join(f"{calendar} {day}" for calendar, day in days.items())
        _wait(platform, f"The day is rolled, what is due settles: {named}", still_for=1)


def _wait(
    platform: Platform, what: str, *, still_for: float, busy: Callable[[], bool] = lambda: False
) -> None:
    """Show how far each service is until nothing moves any more."""
    columns = (
        TextColumn("  {task.description:<24}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    teller()(what)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bars:
        tasks = {group: bars.add_task(text, total=None) for group, text in _STEPS.items()}

        def show(counts: Counter[str]) -> None:
            for group, task in tasks.items():
                bars.update(task, completed=counts[group])

        Quiet(platform, show).wait(still_for=still_for, at_most=_MOST_SECONDS, busy=busy)
