"""One service, for whoever is on duty: rate, errors and duration of routes and handlers, and what waits."""

from typing import Final

from observability.dashboards.model import (
    Dashboard,
    Query,
    Row,
    lines,
    number,
    or_zero,
    quantile,
    rate,
    standing,
)

_SERVICE: Final = 'job="$service"'
_GROUP: Final = "messaging_consumer_group_name"
_OF_GROUP: Final = f"{{{{{_GROUP}}}}}"
_REQUESTS: Final = "http_server_request_duration_seconds"
_ERRORS: Final = f'{_REQUESTS}_count{{{_SERVICE}, http_response_status_code=~"5.."}}'
_SIZE: Final = "backoffice_messaging_batch_size"


def _durations(histogram: str, by: str) -> tuple[Query, Query]:
    """Return what half of them, and 99 of a hundred, did not exceed."""
    half, most = (quantile(share, histogram, by, of=_SERVICE) for share in (0.5, 0.99))
    return Query(half, f"{{{{{by}}}}} 50 %"), Query(most, f"{{{{{by}}}}} 99 %")


def _ours(metric: str) -> str:
    return f"{metric}{{{_SERVICE}}}"


_ROUTES: Final = Row(
    "Requests",
    (
        lines(
            "Requests a second",
            "By route.",
            Query(rate(_ours(f"{_REQUESTS}_count"), "http_route"), "{{http_route}}"),
            unit="reqps",
        ),
        lines(
            "Errors a second",
            "Answers of 5xx, by route.",
            Query(or_zero(rate(_ERRORS, "http_route")), "{{http_route}}"),
            unit="reqps",
        ),
        lines(
            "Duration",
            "Half of the requests, and 99 of a hundred, were answered within this.",
            *_durations(_REQUESTS, "http_route"),
            unit="s",
        ),
    ),
)

_HANDLERS: Final = Row(
    "Handlers",
    (
        lines(
            "Events a second",
            "That took effect, by consumer group.",
            Query(rate(_ours("messaging_client_consumed_messages_total"), _GROUP), _OF_GROUP),
        ),
        lines(
            "Errors a second",
            "Batches tried again because database or broker failed, and events that became dead letters.",
            Query(
                or_zero(rate(_ours("backoffice_messaging_batch_retries_total"), "error_type")),
                "{{error_type}}",
            ),
            Query(
                or_zero(rate(_ours("backoffice_messaging_dead_letters_total"), _GROUP)), f"dead {_OF_GROUP}"
            ),
        ),
        lines(
            "Time of a batch",
            "Half of the batches, and 99 of a hundred, took effect within this.",
            *_durations("messaging_process_duration_seconds", _GROUP),
            unit="s",
        ),
        lines(
            "Records in a batch",
            "On average.",
            Query(
                f"{rate(_ours(f'{_SIZE}_sum'), _GROUP)} / {rate(_ours(f'{_SIZE}_count'), _GROUP)}", _OF_GROUP
            ),
        ),
        lines(
            "From sending to effect",
            "Age of the oldest event of a batch when it took effect: half of the batches, 99 of a hundred.",
            *_durations("backoffice_messaging_batch_oldest_seconds", _GROUP),
            unit="s",
        ),
        lines(
            "Late",
            "Share of the events that took effect more than 2.5 s after they were sent.",
            Query(
                f"{rate(_ours('backoffice_messaging_late_total'), _GROUP)}"
                f" / {rate(_ours('messaging_client_consumed_messages_total'), _GROUP)}",
                _OF_GROUP,
            ),
            unit="percentunit",
        ),
    ),
)

_WAITING: Final = Row(
    "What waits",
    (
        lines(
            "Consumer lag",
            "Records that have yet to take effect.",
            Query(f"sum by ({_GROUP}) ({_ours('backoffice_messaging_consumer_lag')})", _OF_GROUP),
        ),
        lines(
            "Outbox",
            "Records not yet with the broker.",
            Query(f"max({_ours('backoffice_messaging_outbox_pending')})", "pending"),
        ),
        lines(
            "Age of the outbox",
            "Of its oldest record.",
            Query(f"max({_ours('backoffice_messaging_outbox_oldest_seconds')})", "oldest"),
            unit="s",
        ),
        lines(
            "Dead letters and parked events",
            "That wait for a person.",
            Query(or_zero(standing(_ours("backoffice_messaging_dead_letters_open"))), "dead letters"),
            Query(or_zero(standing(_ours("backoffice_messaging_parked_waiting"))), "parked"),
        ),
    ),
)

_PROCESS: Final = Row(
    "The process",
    (
        number("Processes up", "That Prometheus reaches.", f"sum({_ours('up')})"),
        lines(
            "Consumers at work",
            "0: it connects, or has stopped itself.",
            Query(f"min by ({_GROUP}) ({_ours('backoffice_messaging_consumer_running')})", _OF_GROUP),
        ),
        lines(
            "Database connections",
            "Used or idle, and how many there may be.",
            Query(
                f"sum by (db_client_connection_state) ({_ours('db_client_connection_count')})",
                "{{db_client_connection_state}}",
            ),
            Query(f"sum({_ours('db_client_connection_max')})", "at most"),
        ),
        lines(
            "Processor",
            "Cores in use.",
            Query(rate(_ours("process_cpu_seconds_total"), "instance"), "{{instance}}"),
        ),
        lines(
            "Memory",
            "Resident.",
            Query(_ours("process_resident_memory_bytes"), "{{instance}}"),
            unit="bytes",
        ),
    ),
)

SERVICE: Final = Dashboard(
    uid="backoffice-service",
    title="A service",
    meaning="Rate, errors and duration of a service's routes and handlers, and what waits in it.",
    for_each_service=True,
    rows=(_ROUTES, _HANDLERS, _WAITING, _PROCESS),
)
