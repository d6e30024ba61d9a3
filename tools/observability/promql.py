"""What a PromQL query asks for, and whether there is such a thing."""

from collections.abc import Iterator, Mapping

import promql_parser as promql

from observability.registry import Series


def problems(expression: str, known: Mapping[str, Series]) -> list[str]:
    """Return what is wrong with a query: syntax, names of metrics, or labels that these do not have."""
    try:
        parsed = promql.parse(expression)
    except ValueError as error:
        return [str(error)]
    return [*_unknown(parsed, known), *_wrongly_grouped(parsed, known)]


def _unknown(parsed: promql.Expr, known: Mapping[str, Series]) -> Iterator[str]:
    for selector in _selectors(parsed):
        series = known.get(selector.name or "")
        if series is None:
            yield f"there is no metric {selector.name}"
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name not in series.labels:
                yield f"{series.name} has no label {matcher.name}"


def _wrongly_grouped(parsed: promql.Expr, known: Mapping[str, Series]) -> Iterator[str]:
    for node in _nodes(parsed):
        if not isinstance(node, promql.AggregateExpr) or node.modifier is None:
            continue
        for selector in _selectors(node.expr):
            series = known.get(selector.name or "")
            for label in node.modifier.labels:
                if series is not None and label not in series.labels:
                    yield f"{series.name} has no label {label}"


def _selectors(parsed: promql.Expr) -> Iterator[promql.VectorSelector]:
    return (node for node in _nodes(parsed) if isinstance(node, promql.VectorSelector))


def _nodes(parsed: promql.Expr) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    promql.walk(parsed, found.append)
    return found
