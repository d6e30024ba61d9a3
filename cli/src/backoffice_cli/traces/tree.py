"""A trace as a tree: who did what because of what, and how long after the beginning."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rich.tree import Tree

from backoffice_cli.traces.spans import Span

_MS = 1_000_000

Children = Mapping[str, Sequence[Span]]


def tree_of(spans: Sequence[Span]) -> Tree:
    """Return the tree of a trace. spans: all of one trace, at least one.

    The statements of a piece of work are one line: how many, and how long they took together.
    """
    known = {span.span_id for span in spans}
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda each: each.start):
        children[span.parent_id if span.parent_id in known else ""].append(span)
    began = min(span.start for span in spans)
    tree = Tree(f"trace {spans[0].trace_id}: {len({span.service for span in spans})} processes")
    for root in children[""]:
        _grow(tree, root, children, began)
    return tree


def _grow(tree: Tree, span: Span, children: Children, began: int) -> None:
    branch = tree.add(_line(span, began))
    statements = [child for child in children.get(span.span_id, ()) if child.statement]
    if statements:
        took = sum(child.end - child.start for child in statements) / _MS
        branch.add(f"SQL: {len(statements)} statements, {took:,.1f} ms")
    for child in children.get(span.span_id, ()):
        if not child.statement:
            _grow(branch, child, children, began)


def _line(span: Span, began: int) -> str:
    after, took = (span.start - began) / _MS, (span.end - span.start) / _MS
    name = span.name.replace("backoffice.", "", 1)
    return f"{span.service}: {name}  [dim]at {after:,.0f} ms, took {took:,.1f} ms[/dim]"
