"""The tables that many seeds' JSON lines make."""

import json
from pathlib import Path

import pytest

from backoffice_cli.chaos.summary import markdown, read

pytestmark = pytest.mark.unit

COUNTS = {"published": 1_100, "trades": 970, "journals": 2_000, "dead_letters": 7}


def found(seed: int, *, ok: bool = True) -> dict[str, object]:
    return {
        "seed": seed,
        "trades": 1_000,
        "ok": ok,
        "planned": [{"fault": "kill", "struck": True}, {"fault": "deadlock", "struck": False}],
        "deeds": [{"what": "it died there"}, {"what": "started again: at the dead-letter cap"}],
        "audit": {"counts": COUNTS, "statements": [{"checked": 40_000}]},
    }


def test_a_seed_counts_once_and_only_clean_ones_add_up(tmp_path: Path) -> None:
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text(json.dumps(found(2, ok=False)) + "\n" + json.dumps(found(1)) + "\n")
    gave_up = {"seed": 3, "trades": 1_000, "ok": False, "error": "StackError('gone')"}
    second.write_text(json.dumps(found(2)) + "\n" + json.dumps(gave_up) + "\n")
    lines = list(markdown(read([first, second])))
    assert lines[0].startswith("2 of 3 seeds were clean")
    assert "- 2,000 executions drawn, 2,200 reports" in lines
    assert "- 80,000 things held against the auditor's statements" in lines
    assert "- 2 faults that struck, 2 deaths at a crash point among them" in lines
    assert "| `kill` | 2 | 0 |" in lines
    assert "| `deadlock` | 0 | 2 |" in lines
    assert lines[-3:] == [
        "| 1 | yes | 1,100 | 970 | 2,000 | 7 | kill |",
        "| 2 | yes | 1,100 | 970 | 2,000 | 7 | kill |",
        "| 3 | no | | | | | StackError('gone') |",
    ]
