"""The flow of trades, for whoever works in the firm."""

from typing import Final

from observability.dashboards.model import (
    Dashboard,
    Query,
    Row,
    lines,
    number,
    rate,
    standing,
)

_STEPS: Final = "trading.trades.v1|compliance.decisions.v1|settlement.instructions.v1"
_TYPE: Final = "cloudevents_event_type"
_SENT: Final = f'messaging_client_sent_messages_total{{messaging_destination_name=~"{_STEPS}"}}'
_SHORT_NAME: Final = f'"step", "$1", "{_TYPE}", "backoffice[.][a-z]+[.](.*)[.]v1"'

_AGES: Final = rate("backoffice_messaging_batch_oldest_seconds_bucket", "le")

_OPEN_DAY: Final = Row(
    "The open day",
    (
        number(
            "Trades captured",
            "Trades of the open business dates that are in our books, without the cancelled ones.",
            standing('backoffice_trade_capture_trades{measure="captured"}'),
        ),
        number(
            "Straight through",
            "Share of what came in that was taken and confirmed at the first try, without anybody's help.",
            'max(backoffice_trade_capture_rate{rate="stp"})',
            unit="percentunit",
        ),
        number(
            "In repair",
            "Reports of the front office that cannot be taken in until somebody mends them.",
            standing("backoffice_trade_capture_repairs"),
        ),
        number(
            "Compliance cases",
            "Trades that compliance holds until two people have decided.",
            standing("backoffice_compliance_cases"),
        ),
        number(
            "Failing",
            "Trades that were due and have not settled.",
            standing("backoffice_settlement_fails"),
        ),
        number(
            "Reconciliation",
            "What the last reconciliation within a day found. 0: all sides agree.",
            "sum(last_over_time(backoffice_reconcile_findings[1d]))",
        ),
    ),
)

_MOVING: Final = Row(
    "How they move",
    (
        lines(
            "Steps a minute",
            "Trades captured, amended, cancelled, confirmed; cleared, held, blocked; settled, failing.",
            Query(f"label_replace({rate(_SENT, _TYPE)} * 60, {_SHORT_NAME})", "{{step}}"),
        ),
        lines(
            "On the way to settlement",
            "Trades that have not settled yet: not instructed, at the CSD, settled in part, turned down by it.",
            Query(standing("backoffice_settlement_trades", "state"), "{{state}}"),
        ),
        lines(
            "Journals a minute",
            "What the ledger books: on the trade date, at settlement, when a trade fails or is reversed.",
            Query(f"{rate('backoffice_ledger_journals_total', 'kind')} * 60", "{{kind}}"),
        ),
        lines(
            "Straight-through processing",
            "Of the open day's trades: straight through, taken in without help, confirmed.",
            Query(
                'max by (rate) (backoffice_trade_capture_rate{rate=~"stp|entry|confirmation"})', "{{rate}}"
            ),
            unit="percentunit",
        ),
        lines(
            "From one service to the next",
            "How long the slowest events of a batch were on their way: half of the batches, 99 of a hundred.",
            Query(f"histogram_quantile(0.5, {_AGES})", "50 %"),
            Query(f"histogram_quantile(0.99, {_AGES})", "99 %"),
            unit="s",
        ),
    ),
)

_WAITING: Final = Row(
    "What waits for somebody",
    (
        lines(
            "Not confirmed, by days since the trade",
            "The counterparty has not answered, or sees the trade differently. Ask it before the trade is due.",
            Query(
                standing("backoffice_settlement_unconfirmed", "confirmation, age"), "{{confirmation}} {{age}}"
            ),
        ),
        lines(
            "Failing, by the CSD's reason and days since it was due",
            "LACK: no securities; MONY: no cash.",
            Query(standing("backoffice_settlement_fails", "reason, age"), "{{reason}} {{age}}"),
        ),
        lines(
            "Settlement exceptions, by days since the trade was due",
            "UNMATCHED: the CSD found no instruction of the other side.",
            Query(standing("backoffice_settlement_exceptions", "kind, age"), "{{kind}} {{age}}"),
        ),
        lines(
            "Compliance cases, by days",
            "OPEN: nobody has proposed a decision; PROPOSED: a second person is needed.",
            Query(standing("backoffice_compliance_cases", "status, age"), "{{status}} {{age}}"),
        ),
        lines(
            "Repair queue, by days",
            "OPEN: somebody has to mend it; WAITING: reference data are missing.",
            Query(standing("backoffice_trade_capture_repairs", "status, age"), "{{status}} {{age}}"),
        ),
    ),
)

FLOW: Final = Dashboard(
    uid="backoffice-flow",
    title="Trades on their way",
    meaning="What the firm's trades are doing now, and what waits for somebody.",
    rows=(_OPEN_DAY, _MOVING, _WAITING),
)
