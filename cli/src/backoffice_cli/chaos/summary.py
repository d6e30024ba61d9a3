"""What many seeds came to, from the JSON lines that they printed: the tables of docs/reliability.md."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Found = dict[str, Any]


def read(files: Sequence[Path]) -> list[Found]:
    """Return what was found of each seed, in the order of the seeds; of a seed that ran twice the last counts."""
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return sorted({found["seed"]: found for found in lines}.values(), key=lambda found: found["seed"])


def markdown(seeds: Sequence[Found]) -> Iterator[str]:
    """Yield the totals, the faults with how often each struck, and a row for each seed."""
    clean = [found for found in seeds if found["ok"]]
    yield f"{len(clean)} of {len(seeds)} seeds were clean. Together:"
    yield ""
    yield from _totals(clean)
    yield ""
    yield "| fault | struck | left out |"
    yield "|---|--:|--:|"
    struck, left_out = _faults(clean, struck=True), _faults(clean, struck=False)
    for name in sorted(struck | left_out):
        yield f"| `{name}` | {struck[name]} | {left_out[name]} |"
    yield ""
    yield "| seed | clean | reports | trades | journals | dead letters | faults that struck |"
    yield "|--:|---|--:|--:|--:|--:|---|"
    yield from map(_row, seeds)


def _totals(seeds: Sequence[Found]) -> Iterator[str]:
    counts = [found["audit"]["counts"] for found in seeds]
    checked = sum(each["checked"] for found in seeds for each in found["audit"]["statements"])
    deaths = sum(deed["what"] == "it died there" for found in seeds for deed in found["deeds"])
    halts = sum("dead-letter cap" in deed["what"] for found in seeds for deed in found["deeds"])
    yield f"- {sum(found['trades'] for found in seeds):,} executions drawn, {_sum(counts, 'published'):,} reports"
    yield f"- {_sum(counts, 'trades'):,} trades and {_sum(counts, 'journals'):,} journals of theirs audited"
    yield f"- {checked:,} things held against the auditor's statements"
    yield f"- {sum(map(len, map(_struck, seeds))):,} faults that struck, {deaths} deaths at a crash point among them"
    yield f"- {halts} times a consumer stopped by itself at the dead-letter cap and was started again"


def _sum(counts: Sequence[dict[str, int]], name: str) -> int:
    return sum(each[name] for each in counts)


def _faults(seeds: Sequence[Found], *, struck: bool) -> Counter[str]:
    planned = (each for found in seeds for each in found["planned"])
    return Counter(each["fault"] for each in planned if each["struck"] is struck)


def _struck(found: Found) -> list[str]:
    return [each["fault"] for each in found["planned"] if each["struck"]]


def _row(found: Found) -> str:
    if "audit" not in found:
        return f"| {found['seed']} | no | | | | | {found['error']} |"
    counts = found["audit"]["counts"]
    numbers = (counts[name] for name in ("published", "trades", "journals", "dead_letters"))
    clean = "yes" if found["ok"] else "no"
    cells = (found["seed"], clean, *(f"{number:,}" for number in numbers), ", ".join(_struck(found)))
    return f"| {' | '.join(map(str, cells))} |"
