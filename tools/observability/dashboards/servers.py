"""Kafka and PostgreSQL, as the collector's Kafka metrics receiver and postgres_exporter tell of them."""

from typing import Final

from observability.dashboards.model import Dashboard, Query, Row, lines, number, rate

_NAMED: Final = '{datname!=""}'
_HITS: Final = rate(f"pg_stat_database_blks_hit{_NAMED}", "datname")
_READS: Final = rate(f"pg_stat_database_blks_read{_NAMED}", "datname")

_IN_SYNC: Final = "sum by (topic, partition) (kafka_partition_replicas_in_sync)"
_COPIES: Final = "sum by (topic, partition) (kafka_partition_replicas)"

_KAFKA: Final = Row(
    "Kafka",
    (
        number("Brokers", "That form the cluster.", "max(kafka_brokers)"),
        number(
            "Under-replicated partitions",
            "With fewer copies than they should have: 0 is good.",
            f"sum(clamp_max({_COPIES} - {_IN_SYNC}, 1))",
        ),
        lines(
            "Records a second",
            "Published, by topic.",
            Query(rate("kafka_partition_current_offset", "topic"), "{{topic}}"),
        ),
        lines(
            "Consumer lag",
            "By group, as the broker says: also of a consumer that is down.",
            Query("sum by (group) (kafka_consumer_group_lag)", "{{group}}"),
        ),
    ),
)

_POSTGRES: Final = Row(
    "PostgreSQL",
    (
        number("Up", "1: the server answers.", "min(pg_up)"),
        lines(
            "Connections",
            "By database, and how many the server lets in.",
            Query(f"sum by (datname) (pg_stat_database_numbackends{_NAMED})", "{{datname}}"),
            Query("max(pg_settings_max_connections)", "at most"),
        ),
        lines(
            "Transactions a second",
            "Committed, by database.",
            Query(rate(f"pg_stat_database_xact_commit{_NAMED}", "datname"), "{{datname}}"),
        ),
        lines(
            "Rolled back a second",
            "More than a few: look into the services' logs.",
            Query(rate(f"pg_stat_database_xact_rollback{_NAMED}", "datname"), "{{datname}}"),
        ),
        lines(
            "Size",
            "Of each database.",
            Query("max by (datname) (pg_database_size_bytes)", "{{datname}}"),
            unit="bytes",
        ),
        lines(
            "Read from memory",
            "Share of the blocks that PostgreSQL found in its cache.",
            Query(f"{_HITS} / ({_HITS} + {_READS})", "{{datname}}"),
            unit="percentunit",
        ),
    ),
)

SERVERS: Final = Dashboard(
    uid="backoffice-servers",
    title="Kafka and PostgreSQL",
    meaning="What the platform stands on.",
    rows=(_KAFKA, _POSTGRES),
)
