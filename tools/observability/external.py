"""What exporters of others tell, as far as our dashboards and rules ask for it."""

from typing import Final

from observability.registry import SCRAPED, Series

KAFKA_METRICS: Final = {
    "kafka_brokers": (),
    "kafka_consumer_group_lag": ("group", "topic", "partition"),
    "kafka_partition_current_offset": ("topic", "partition"),
    "kafka_partition_replicas": ("topic", "partition"),
    "kafka_partition_replicas_in_sync": ("topic", "partition"),
}
POSTGRES_EXPORTER: Final = {
    "pg_up": (),
    "pg_settings_max_connections": ("server",),
    "pg_database_size_bytes": ("datname",),
    "pg_stat_database_numbackends": ("datid", "datname"),
    "pg_stat_database_xact_commit": ("datid", "datname"),
    "pg_stat_database_xact_rollback": ("datid", "datname"),
    "pg_stat_database_blks_hit": ("datid", "datname"),
    "pg_stat_database_blks_read": ("datid", "datname"),
}


def series() -> dict[str, Series]:
    """Return every name, with the labels of its exporter."""
    known = {**KAFKA_METRICS, **POSTGRES_EXPORTER}
    return {name: Series(name, frozenset(labels) | SCRAPED) for name, labels in known.items()}
