"""A trace as a tree: who did what because of what, and how long after the beginning."""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.tree import Tree

from backoffice_cli.traces.spans import Span

Children = Mapping[str, Sequence[Span]]

_MS: Final = 1_000_000
_WIDE: Final = 200


def tree_of(spans: Sequence[Span]) -> str:
    """Return the tree of a trace, no line of it broken. spans: all of one trace, at least one.

    A line: when it began, who did it, what it took up, how long it took. Calls to the database in one piece of work are
    one line.
    """
    known = {span.span_id for span in spans}
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda each: each.start):
        children[span.parent_id if span.parent_id in known else ""].append(span)
    began = min(span.start for span in spans)
    tree = Tree(f"trace {spans[0].trace_id}: {len({span.service for span in spans})} processes")
    for root in children[""]:
        _grow(tree, root, children, began)
    page = Console(file=io.StringIO(), width=_WIDE)
    with page.capture() as captured:
        page.print(tree)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _grow(tree: Tree, span: Span, children: Children, began: int) -> None:
    branch = tree.add(_line(span, began))
    statements = [child for child in children.get(span.span_id, ()) if child.statement]
    if statements:
        took = sum(child.end - child.start for child in statements) / _MS
        branch.add(f"{len(statements)} calls to the database, {took:,.1f} ms")
    for child in children.get(span.span_id, ()):
        if not child.statement:
            _grow(branch, child, children, began)


def _line(span: Span, began: int) -> str:
    after, took = (span.start - began) / _MS, (span.end - span.start) / _MS
    name = span.name.removeprefix("process ").replace("backoffice.", "", 1)
    return f"{after:,.0f} ms {span.service}: {name}, {took:,.1f} ms"
