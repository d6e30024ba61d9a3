"""What the demo shows at its end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from rich.table import Table

from backoffice_cli.console import console
from backoffice_cli.demo.outcomes import Outcome
from backoffice_cli.demo.story import Chapter, story_of
from backoffice_cli.platform import Platform, body_of, every_page
from backoffice_cli.traces.client import trace_of
from backoffice_cli.traces.spans import Span
from backoffice_cli.traces.tree import tree_of
from backoffice_events.contracts.settlement import InstructionSettled

_EVERY_DAY = {"trade_date_from": "1900-01-01", "trade_date_to": "9999-12-31"}
"""Also what the desk misdated, and what states no trade date: that counts on the day on which it came."""

_FIRST_DAY, _LAST_DAY = "2024-08-01", "2024-08-31"
_LARGEST = 10
_MOST_ASKED_FOR = 1_000
_SETTLED = InstructionSettled.event_type
_RATES = {
    "entry": "taken in without a person's help",
    "repair": "needed one, or still do",
    "confirmation": "of those captured: confirmed",
    "stp": "taken in and confirmed at the first try",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """What the demo comes to, as the services answer it.

    counts: the trades by outcome. sent: how many the front office sent. told: the trade whose story is told, None when
    nothing settled; spans: its trace.
    """

    sent: int
    counts: Counter[Outcome]
    rates: dict[str, Any]
    efficiency: list[dict[str, Any]]
    told: dict[str, Any] | None
    story: Sequence[Chapter]
    spans: Sequence[Span]
    trial_balance: dict[str, Any]
    positions: list[dict[str, Any]]

    @property
    def complete(self) -> bool:
        """Return whether each trade that was sent has an outcome."""
        return self.counts.total() == self.sent and not self.counts[Outcome.UNACCOUNTED]


def findings(platform: Platform, counts: Counter[Outcome], sent: int) -> Findings:
    """Return what became of the trades, how they went through, one trade's story, and the books."""
    told, spans = _trade_worth_telling(platform)
    return Findings(
        sent=sent,
        counts=counts,
        rates=_answer(platform, "trade-capture", "/stp-metrics", **_EVERY_DAY),
        efficiency=_answer(
            platform, "settlement", "/settlement-efficiency", first=_FIRST_DAY, last=_LAST_DAY
        ),
        told=told,
        story=story_of(platform, told["trade_id"]) if told else (),
        spans=spans,
        trial_balance=_answer(platform, "ledger", "/trial-balance", role="finance"),
        positions=_largest_positions(platform),
    )


def document(found: Findings) -> dict[str, Any]:
    """Return it as one JSON-ready document."""
    return {
        "sent": found.sent,
        "outcomes": {outcome.name.lower(): found.counts[outcome] for outcome in Outcome},
        "straight_through_processing": found.rates,
        "settlement_efficiency": found.efficiency,
        "story": {
            "trade": found.told,
            "chapters": [
                {"at": each.at.isoformat(), "service": each.service, "what": each.what}
                for each in found.story
            ],
            "trace": msgspec.to_builtins(found.spans),
        },
        "trial_balance": found.trial_balance,
        "largest_positions": found.positions,
    }


def show(found: Findings) -> None:
    """Print it for people."""
    _outcomes(found.counts, found.sent)
    _rates(found.rates)
    _efficiency(found.efficiency)
    if found.told:
        _story(found.told, found.story, found.spans)
    _trial_balance(found.trial_balance)
    _positions(found.positions)


def _answer(platform: Platform, service: str, path: str, role: str = "operations", **asked: str) -> Any:
    with platform.client(service, role) as client:
        return body_of(client.get(path, params=asked))


def _outcomes(counts: Counter[Outcome], sent: int) -> None:
    table = _table(f"What became of the {sent:,} trades", "trades>", "", "which is")
    for outcome in Outcome:
        table.add_row(f"{counts[outcome]:,}", outcome.title, outcome.meaning)
    table.add_row(f"[bold]{counts.total():,}[/bold]", "[bold]in all[/bold]", f"{sent:,} were sent")
    console.print(table)


def _rates(metrics: dict[str, Any]) -> None:
    received = metrics["measures"]["received"]
    currencies = sorted(metrics["measures"]["captured"]["value"])
    table = _table(
        f"Straight-through processing of {received['count']:,} trades: all but the cancelled and the unreadable",
        *("rate", "by count>", *(f"by {currency}>" for currency in currencies), "which is"),
    )
    for name, rate in metrics["rates"].items():
        values = (_percent(rate["value"].get(currency)) for currency in currencies)
        table.add_row(name, _percent(rate["count"]), *values, _RATES[name])
    console.print(table)
    if others := sorted(received["value"].keys() - set(currencies)):
        console.print(f"by count alone, for nothing of it was captured: trades in {', '.join(others)}")


def _efficiency(rows: list[dict[str, Any]]) -> None:
    table = _table(
        "Settlement efficiency on the intended settlement date",
        *("date", "calendar", "currency", "instructions>", "by count>", "by value>"),
    )
    for row in rows:
        table.add_row(
            *(
                row["settlement_date"],
                row["settlement_calendar"],
                row["currency"],
                f"{row['instructions']:,}",
            ),
            *(f"{row['percent_by_count']} %", f"{row['percent_by_value']} %"),
        )
    console.print(table)


def _story(trade: dict[str, Any], chapters: Sequence[Chapter], spans: Sequence[Span]) -> None:
    table = _table(
        f"The story of {trade['source_system']} {trade['trade_reference']} ({trade['trade_id']})\n"
        f"from {chapters[0].at:%Y-%m-%d %H:%M:%S} UTC",
        *("after", "service", "what"),
    )
    for chapter in chapters:
        table.add_row(_after(chapter, chapters[0]), chapter.service, chapter.what)
    console.print(table)
    if spans:
        console.print("\n[bold]The same as its trace[/bold]: who did what because of what")
        console.print(tree_of(spans), markup=False, highlight=False, soft_wrap=True)


def _trade_worth_telling(platform: Platform) -> tuple[dict[str, Any] | None, Sequence[Span]]:
    """Prefer a settled trade that is traced to its last journal, and one that was amended on its way."""
    with platform.client("settlement", "operations") as client:
        settled = list(every_page(client, "/settlements", state="SETTLED"))
    settled.sort(key=lambda trade: (-trade["trade_version"], trade["trade_id"]))
    for trade in settled[:_MOST_ASKED_FOR] if platform.traces_url else ():
        spans = trace_of(platform, trade["trade_id"])
        if any(span.service == "ledger" and span.name.endswith(_SETTLED) for span in spans):
            return trade, spans
    return next(iter(settled), None), ()


def _after(chapter: Chapter, first: Chapter) -> str:
    return f"{(chapter.at - first.at).total_seconds():.3f} s"


def _trial_balance(balance: dict[str, Any]) -> None:
    table = _table(
        "Trial balance: books that began empty; investments stand at what they were traded for",
        *("account", "name", "currency", "debit>", "credit>"),
    )
    standing = [one for one in balance["lines"] if _stands(one)]
    for line in standing:
        table.add_row(
            *(line["account"], line["name"], line["currency"]),
            *(_money(line["debit_balance"]), _money(line["credit_balance"])),
        )
    for total in balance["totals"]:
        table.add_row(
            "", "[bold]Total[/bold]", total["currency"], _money(total["debit"]), _money(total["credit"])
        )
    console.print(table)


def _largest_positions(platform: Platform) -> list[dict[str, Any]]:
    with platform.client("ledger", "finance") as client:
        positions = list(every_page(client, "/positions"))
    return sorted(positions, key=lambda one: -abs(Decimal(one["trade_date_quantity"])))[:_LARGEST]


def _positions(positions: list[dict[str, Any]]) -> None:
    table = _table(
        f"The {_LARGEST} largest positions, in units, for bonds face amount",
        *("book", "isin", "trade date>", "settled>", "unsettled>", "of it failing>"),
    )
    kinds = ("trade_date_quantity", "settled_quantity", "unsettled_quantity", "failing_quantity")
    for one in positions:
        table.add_row(one["book"], one["isin"], *(_quantity(one[kind]) for kind in kinds))
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    """Return a table; a column whose name ends in > holds numbers."""
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left")
    return table


def _percent(share: str | None) -> str:
    return "–" if share is None else f"{Decimal(share) * 100:.2f} %"


def _stands(line: dict[str, Any]) -> bool:
    return any(Decimal(line[side]) for side in ("debit_balance", "credit_balance"))


def _money(amount: str) -> str:
    return f"{Decimal(amount):,.2f}" if Decimal(amount) else ""


def _quantity(quantity: str) -> str:
    return f"{Decimal(quantity).normalize():,f}"
