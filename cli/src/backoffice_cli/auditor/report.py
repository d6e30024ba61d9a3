"""What an audit finds: statements that hold or do not, and each break with what is needed to reproduce it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_BREAKS_OF_A_STATEMENT = 50


@dataclass(slots=True)
class Break:
    """One place where a statement does not hold. timeline: the key's whole story, filled in when the audit ends."""

    statement: str
    key: str
    expected: str
    found: str
    timeline: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Statement:
    """Something that must be true. checked: how many things were held against it. breaks: the first so many."""

    name: str
    checked: int = 0
    broken: int = 0
    breaks: list[Break] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Return whether it was true of everything."""
        return self.broken == 0

    def expect(self, key: object, expected: object, found: object) -> None:
        """Hold one thing against the statement."""
        self.checked += 1
        if expected != found:
            self.fail(key, expected, found)

    def fail(self, key: object, expected: object, found: object) -> None:
        """Take note of a break in something that was counted as checked."""
        self.broken += 1
        if len(self.breaks) < MOST_BREAKS_OF_A_STATEMENT:
            self.breaks.append(Break(self.name, str(key), str(expected), str(found)))


@dataclass(slots=True)
class AuditReport:
    """The whole audit of one run. seed: what draws the run again. digest: of the final books of the run's trades."""

    seed: str
    statements: list[Statement]
    digest: str
    counts: dict[str, int]

    @property
    def ok(self) -> bool:
        """Return whether every statement holds."""
        return all(statement.holds for statement in self.statements)

    @property
    def breaks(self) -> list[Break]:
        """Return the breaks of all statements."""
        return [each for statement in self.statements for each in statement.breaks]

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON-ready document."""
        return {
            "ok": self.ok,
            "seed": self.seed,
            "digest": self.digest,
            "counts": self.counts,
            "statements": [
                {"name": each.name, "holds": each.holds, "checked": each.checked, "broken": each.broken}
                for each in self.statements
            ],
            "breaks": [asdict(each) for each in self.breaks],
        }

    def lines(self) -> Iterator[str]:
        """Yield the report for people, the broken statements with their breaks."""
        for statement in self.statements:
            mark = "holds" if statement.holds else f"BROKEN {statement.broken} times"
            yield f"{mark}: {statement.name} ({statement.checked:,} checked)"
            for each in statement.breaks:
                yield f"  seed {self.seed}, {each.key}: expected {each.expected}, found {each.found}"
                yield from (f"    {line}" for line in each.timeline)
