"""The stacks that seeds run on: founded once with a firm on them, used for several seeds, given up after a failure.

A seed on a used stack finds older trades there, which makes it no weaker: the audit is over everything. A stack whose
seed failed is left as it is, for looking into, and the next seed gets a new one.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from backoffice_cli.demo.days import open_days
from backoffice_cli.flow import Quiet, Switches, command_line
from backoffice_cli.platform import Stack
from backoffice_cli.reference_data.firm import load_shipped
from backoffice_cli.stack.control import bring_down, bring_up, delete_data, run_simulators
from backoffice_cli.stack.paths import write_whole
from backoffice_cli.stack.topology import Topology, choose, chosen

Say = Callable[[str], None]

MOST_TRADES: Final = 12_000
"""Trades after which a stack is replaced: an audit reads all of them."""

_FOUNDED_WITHIN_SECONDS: Final = 300
_COUNTERPARTIES: Final[Switches] = {
    "early": Decimal("0.15"),
    "late": Decimal("0.05"),
    "never": Decimal("0.01"),
    "twice": Decimal("0.05"),
    "different": Decimal("0.02"),
    "corrected": Decimal("0.03"),
    "delay-seconds": Decimal("0.2"),
    "late-seconds": Decimal("0.4"),  # less than the run waits until it takes the stack for quiet
}
CSD: Final[Switches] = {
    "rejected": Decimal("0.005"),
    "unmatched": Decimal("0.03"),
    "delayed": Decimal("0.03"),
    "failing": Decimal("0.03"),
    "partial": Decimal("0.03"),
    "cancellation-denied": Decimal("0.1"),
}


@dataclass
class Diary:
    """What happened on a stack. clean: every seed that ran on it ended well, and none is running."""

    clean: bool = False
    trades: int = 0
    seeds: list[int] = field(default_factory=list)


class Stacks:
    """The stacks in one folder, numbered; at most one of them is up. csd: how its CSD behaves."""

    def __init__(self, folder: Path, say: Say, topology: Topology, csd: Switches = CSD) -> None:
        self._folder = folder
        self._say = say
        self._topology = topology
        self._csd = csd

    def for_seed(self, seed: int, trades: int) -> Stack:
        """Return a running stack on which the seed may run: the last one where that is safe, else a new one."""
        place = self._last()
        diary = read_diary(place)
        other = chosen(place) != self._topology
        if other or not diary.clean or seed in diary.seeds or diary.trades + trades > MOST_TRADES:
            place = self._replaced(place, clean=diary.clean)
            diary = Diary()
        choose(place, self._topology)
        bring_up(place, self._say)
        platform = Stack.running(place)
        if not diary.clean:
            found_firm(platform, self._say, self._csd)
        write_diary(place, Diary(clean=False, trades=diary.trades + trades, seeds=[*diary.seeds, seed]))
        return platform

    def passed(self) -> None:
        """Take note that the seed that ran last ended well, so that the next may use its stack."""
        place = self._last()
        diary = read_diary(place)
        write_diary(place, Diary(clean=True, trades=diary.trades, seeds=diary.seeds))

    def stop(self) -> None:
        """Stop the stack that is up; its data stay."""
        bring_down(self._last())

    def delete(self) -> None:
        """Remove what the last stack, which must be down, left."""
        delete_data(self._last())

    def _last(self) -> Path:
        numbers = [int(place.name.rpartition("-")[2]) for place in self._folder.glob("stack-*")]
        return self._folder / f"stack-{max(numbers, default=0)}"

    def _replaced(self, place: Path, *, clean: bool) -> Path:
        """Stop a stack and return where the next one goes; what a clean one leaves is of no use to anybody."""
        bring_down(place)
        if clean:
            delete_data(place)
            shutil.rmtree(place)
        following = self._folder / f"stack-{int(place.name.rpartition('-')[2]) + 1}"
        following.mkdir(parents=True)
        return following


def found_firm(platform: Stack, say: Say, csd: Switches) -> None:
    """Put in place what a firm has before its first trade, and the outside world that it deals with."""
    load_shipped(platform, say)
    open_days(platform, say)
    record = record_of(platform.folder)
    run_simulators(
        platform.folder,
        {
            "counterparties": command_line({**_COUNTERPARTIES, "record": record / "counterparties.jsonl"}),
            "csd": command_line({**csd, "record": record / "csd.jsonl"}),
        },
    )
    Quiet(platform, lambda _: None).wait(still_for=1, at_most=_FOUNDED_WITHIN_SECONDS)


def read_diary(place: Path) -> Diary:
    """Return what happened on a stack; nothing good when there is none."""
    try:
        return Diary(**json.loads((place / "chaos.json").read_text()))
    except FileNotFoundError:
        return Diary()


def write_diary(place: Path, diary: Diary) -> None:
    """Keep what happened on a stack."""
    write_whole(place / "chaos.json", json.dumps(asdict(diary)))


def record_of(place: Path) -> Path:
    """Return the folder in which the outside world keeps its own record of what it said."""
    return place / "record"
