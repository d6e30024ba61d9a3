"""What exporters of others tell, as far as our dashboards and rules ask for it."""

from typing import Final

from observability.registry import SCRAPED, Series

KAFKA_EXPORTER: Final = {
    "kafka_brokers": (),
    "kafka_consumergroup_lag": ("consumergroup", "topic", "partition"),
    "kafka_topic_partition_current_offset": ("topic", "partition"),
    "kafka_topic_partition_under_replicated_partition": ("topic", "partition"),
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
    known = {**KAFKA_EXPORTER, **POSTGRES_EXPORTER}
    return {name: Series(name, frozenset(labels) | SCRAPED) for name, labels in known.items()}
