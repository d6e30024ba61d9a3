"""What keeping traces costs on the road: `backoffice bench flow` by turns on a stack with traces and on one without.

    python benchmarks/traces_cost.py --pairs 10 --trades 6000 --state .backoffice-traces

starts both stacks and prints JSON. Each figure is a ratio, with traces to without: the geometric mean of the pairs and
its standard error, a share. `cpu_us_per_trade` is what a trade costs, `limit` the physical limit of the same runs,
which knows no traces: where it is far from 1, the machine changed its pace, and more pairs are wanted.
"""

import argparse
import contextlib
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

BACKOFFICE: Final = Path(sys.executable).with_name("backoffice")
TAKES_TRACES: Final = "traces"
"""The process that a production has elsewhere: where a trade's cost is told by process, this name is the receiver."""


def measured_in_turns(state: Path, pairs: int, trades: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return what each pair of runs said, without traces and with. Every other pair begins with traces."""
    without, traced = state / "without", state / "with"
    with contextlib.ExitStack() as up:
        for stack, switches in ((without, []), (traced, ["--traces"])):
            up.callback(backoffice, "down", "--state", stack)
            backoffice("up", *switches, "--state", stack)
        return [in_turn(without, traced, trades, traced_first=bool(pair % 2)) for pair in range(pairs)]


def in_turn(
    without: Path, traced: Path, trades: int, *, traced_first: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure one right after the other."""
    if traced_first:
        with_traces = measured(traced, trades)
        return measured(without, trades), with_traces
    return measured(without, trades), measured(traced, trades)


def measured(state: Path, trades: int) -> dict[str, Any]:
    """Return what `bench flow` says of a stack that is up."""
    found = json.loads(backoffice("bench", "flow", "--trades", str(trades), "--json", "--state", state))
    print(found["cpu_us_per_trade"], found["reference"]["cpu_us_per_trade"], file=sys.stderr)
    return found


def backoffice(*arguments: str | Path) -> bytes:
    """Run a command of ours and return what it printed. Raises CalledProcessError when it fails."""
    command = [BACKOFFICE, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603 -- our own command


def cpu(found: dict[str, Any]) -> float:
    """Return the cost of a trade on the road, without the process that takes the traces."""
    by_process = found["cpu_us_per_trade"]
    return by_process["total"] - by_process.get(TAKES_TRACES, 0)


def limit(found: dict[str, Any]) -> float:
    """Return the physical limit of the same run."""
    return found["reference"]["cpu_us_per_trade"]["total"]


def rate(found: dict[str, Any]) -> float:
    """Return the trades a second."""
    return found["applied_per_second"]


def geometric_mean(ratios: Sequence[float]) -> dict[str, float]:
    """Return the mean of ratios and its standard error, as a share of it."""
    logs = [math.log(ratio) for ratio in ratios]
    return {
        "ratio": round(math.exp(statistics.mean(logs)), 4),
        "standard_error": round(statistics.stdev(logs) / math.sqrt(len(logs)), 4),
    }


FIGURES: Final = {
    "cpu_us_per_trade": cpu,
    "limit": limit,
    "applied_per_second": rate,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=10, help="how many, at least two")
    parser.add_argument("--trades", type=int, default=6_000, help="trades of each run")
    parser.add_argument("--state", type=Path, default=".backoffice-traces", help="folder for both stacks")
    chosen = parser.parse_args()
    pairs = measured_in_turns(chosen.state.resolve(), chosen.pairs, chosen.trades)
    ratios = {
        name: geometric_mean([of(traced) / of(without) for without, traced in pairs])
        for name, of in FIGURES.items()
    }
    receiver = statistics.mean(traced["cpu_us_per_trade"][TAKES_TRACES] for _, traced in pairs)
    print(
        json.dumps(
            {"pairs": len(pairs), "trades": chosen.trades, "receiver_us_per_trade": receiver, **ratios}
        )
    )


if __name__ == "__main__":
    main()
