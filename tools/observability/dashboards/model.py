"""What a dashboard is described with, and the queries that most panels ask."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """What is drawn. legend: its name, with {{label}} in it."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture and what to see in it. number: one figure rather than a line over time."""

    title: str
    meaning: str
    queries: tuple[Query, ...]
    unit: str
    number: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page. for_each_service: it has a choice of the service, `$service` in its queries."""

    uid: str
    title: str
    meaning: str
    rows: tuple[Row, ...]
    for_each_service: bool = False

    @property
    def panels(self) -> Iterator[Panel]:
        """Return every panel."""
        return (panel for row in self.rows for panel in row.panels)


def number(title: str, meaning: str, expression: str, *, unit: str = "short") -> Panel:
    """Return a panel of one figure."""
    return Panel(title, meaning, (Query(expression, title),), unit, number=True)


def lines(title: str, meaning: str, *queries: Query, unit: str = "short") -> Panel:
    """Return a panel of lines over time."""
    return Panel(title, meaning, queries, unit, number=False)


def standing(metric: str, by: str = "") -> str:
    """Return the sum of a measured gauge by labels. Of processes that took over from one another, one counts."""
    once = f"max without (instance) ({metric})"
    return f"sum by ({by}) ({once})" if by else f"sum({once})"


def rate(counter: str, by: str) -> str:
    """Return how much a counter grows a second, by labels."""
    return f"sum by ({by}) (rate({counter}[5m]))"


def quantile(share: float, histogram: str, by: str, *, of: str) -> str:
    """Return the value that a share of what a histogram took in did not exceed, by a label. of: which series."""
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket{{{of}}}', f'le, {by}')})"


def or_zero(expression: str) -> str:
    """Return 0 where there is nothing to show, which is good news."""
    return f"{expression} or vector(0)"
