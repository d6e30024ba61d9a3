"""`backoffice chaos`."""

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from backoffice_cli.chaos.fault import Shape
from backoffice_cli.chaos.jobs import side_by_side
from backoffice_cli.chaos.registry import FAULTS, named, possible
from backoffice_cli.chaos.run import Wanted, run
from backoffice_cli.chaos.shape import bad_weather, shape_of
from backoffice_cli.chaos.stacks import Stacks
from backoffice_cli.chaos.summary import markdown, read
from backoffice_cli.commands.options import AsJson, StateFolder
from backoffice_cli.console import Exit, console, end_as_by_interrupt, failures, teller
from backoffice_cli.stack.errors import StackError

_TRADES_A_SECOND = 125
_LEAST_SECONDS = 4.0
_SO = "Write them so: 1-20 or 3,7,30-40."


def chaos(  # noqa: PLR0917  each is an option of the command
    state: StateFolder,
    seed: Annotated[int, typer.Option(min=0, help="What is drawn: the same seed, the same plan.")] = 1,
    seeds: Annotated[str | None, typer.Option(help="Several in one go, such as 1-20 or 3,7,30-40.")] = None,
    trades: Annotated[int, typer.Option(min=1, max=10_000, help="Trades of each seed.")] = 1_000,
    faults: Annotated[
        str | None,
        typer.Option(
            help="Only these faults, by commas; none: no fault at all; list: name them all and leave."
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds in which the trades are published.")
    ] = None,
    brokers: Annotated[int, typer.Option(help="1, or 3 that copy one another.")] = 1,
    jobs: Annotated[
        int, typer.Option(min=1, help="Stacks side by side, each with its share of the seeds.")
    ] = 1,
    summary: Annotated[
        list[Path] | None,
        typer.Option(help="Make Markdown tables of such files, lines that --json printed, and leave."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack up at the end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run trades under faults that the seed draws, heal everything, and audit that nothing is lost or twice.

    Stacks of its own lie under the state folder, in `chaos/stack-N`: a good one serves several seeds, and one whose
    seed failed is left there, to be looked into with `--state`. One line for each seed, with `--json` a JSON document.
    Exit code 1 unless every seed was clean.

    Example: `backoffice chaos --seeds 1-20 --trades 1000 --json`
    """
    if faults == "list":
        console.print("\n".join(FAULTS), highlight=False)
        return
    if summary:
        with failures():
            sys.stdout.writelines(f"{line}\n" for line in markdown(read(summary)))
        return
    end_as_by_interrupt()
    topology = bad_weather(brokers)
    shape = shape_of(topology)
    with failures():
        chosen = named(_names(faults, shape), shape)
        wanted_seeds = [seed] if seeds is None else _numbers(seeds)
        published = duration or max(_LEAST_SECONDS, trades / _TRADES_A_SECOND)
        if jobs > 1:
            options = [f"--trades={trades}", f"--duration={published}", f"--brokers={brokers}"]
            options += [f"--faults={faults}"] if faults else []
            options += [*(["--keep"] if keep else []), *(["--json"] if as_json else [])]
            if not side_by_side(jobs, wanted_seeds, state.resolve() / "chaos", options):
                raise typer.Exit(Exit.FAILED)
            return
        stacks = Stacks(state.resolve() / "chaos", teller(), topology)
        try:
            clean = [_one(stacks, Wanted(each, trades, published, chosen), as_json) for each in wanted_seeds]
        finally:
            if not keep:
                stacks.stop()
    if not all(clean):
        raise typer.Exit(Exit.FAILED)


def _one(stacks: Stacks, wanted: Wanted, as_json: bool) -> bool:
    """Run a seed and print what came of it; whatever ends it early is a finding, and the next seed goes on."""
    say = teller()
    say(f"Seed {wanted.seed}: {wanted.trades:,} trades")
    platform = stacks.for_seed(wanted.seed, wanted.trades)
    try:
        found = run(platform, wanted, say)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        found = {"seed": wanted.seed, "trades": wanted.trades, "ok": False, "error": repr(error)}
    found["stack"] = str(platform.folder)
    if found["ok"]:
        stacks.passed()
    _print(found, as_json)
    return bool(found["ok"])


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(found, default=str) + "\n")
        sys.stdout.flush()
        return
    verdict = "[green]clean[/green]" if found["ok"] else f"[red]NOT CLEAN[/red], see {found['stack']}"
    struck = len(found.get("planned", ()))
    console.print(
        f"seed {found['seed']}: {verdict}, {found['trades']:,} trades, {struck} faults", highlight=False
    )


def _names(faults: str | None, shape: Shape) -> list[str]:
    if faults is None:
        return possible(shape)
    return [] if faults == "none" else faults.split(",")


def _numbers(text: str) -> list[int]:
    """Return the numbers of a list such as 3,7,30-40. Raises StackError for anything else."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last.isdecimal() or part == first):
            raise StackError(f"{part!r} is no seed and no range of seeds.", _SO)
        if int(last or first) < int(first):
            raise StackError(f"{part} goes backwards: no seed is in it.", _SO)
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers
