"""One trade's whole story, put together from what each service says of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from backoffice_cli.platform import Platform, body_of, every_page


@dataclass(frozen=True, slots=True)
class Chapter:
    """Something that one service did. at: UTC."""

    at: datetime
    service: str
    what: str


def story_of(platform: Platform, trade_id: str) -> list[Chapter]:
    """Return everything that happened to a trade, in the order it did."""
    with platform.client("trade-capture", "operations") as client:
        captured = list(_captured(body_of(client.get(f"/trades/{trade_id}"))))
    with platform.client("compliance", "auditor") as client:
        decided = list(map(_decided, every_page(client, "/decisions", trade_id=trade_id)))
    with platform.client("settlement", "operations") as client:
        settled = list(_settled(body_of(client.get(f"/settlements/{trade_id}"))))
    with platform.client("ledger", "finance") as client:
        booked = list(map(_booked, every_page(client, "/journals", trade_id=trade_id)))
    return sorted([*captured, *decided, *settled, *booked], key=lambda chapter: chapter.at)


def _captured(trade: dict[str, Any]) -> Iterator[Chapter]:
    for step in trade["history"]:
        detail = step["detail"]
        version = detail.get("trade_version") or detail.get("version")
        said = f"{_words(step['event'])}, version {version}, by {step['by']}"
        yield Chapter(_time(step["at"]), "trade-capture", said)


def _decided(decision: dict[str, Any]) -> Chapter:
    findings = decision["findings"]
    notable = [f"{one['check']}: {one['evidence']}" for one in findings if one["outcome"] != "pass"]
    said = "; ".join(notable) or f"all {len(findings)} checks passed"
    return Chapter(_time(decision["decided_at"]), "compliance", f"{_words(decision['outcome'])} ({said})")


def _settled(settlement: dict[str, Any]) -> Iterator[Chapter]:
    for step in settlement["history"]:
        if step["kind"] in {"TRADE_TAKEN", "CONFIRMED", "CLEARED"}:
            continue  # told already by the service that decided it
        message = step["details"].get("message")
        reason = step["details"].get("reason")
        said = [
            _words(step["kind"]),
            *([message] if message else []),
            *([f"reason {reason}"] if reason else []),
        ]
        yield Chapter(_time(step["recorded_at"]), "settlement", ", ".join(said))


def _booked(journal: dict[str, Any]) -> Chapter:
    lines = ", ".join(map(_line, journal["lines"]))
    text = (
        f"{_words(journal['kind'])} journal posted to {journal['posting_date']}: {lines} {_currency(journal)}"
    )
    return Chapter(_time(journal["recorded_at"]), "ledger", text.rstrip())


def _line(line: dict[str, Any]) -> str:
    credit = Decimal(line["credit"])
    side, amount = ("Cr", credit) if credit else ("Dr", Decimal(line["debit"]))
    return f"{side} {line['account']} {amount:,.2f}"


def _currency(journal: dict[str, Any]) -> str:
    return " ".join(sorted({line["currency"] for line in journal["lines"]}))


def _words(code: str) -> str:
    return code.lower().replace("_", " ")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
