"""Requests about leadership that aiokafka's admin client lacks, in its own words.

Keys, versions and fields: the Kafka protocol guide, https://kafka.apache.org/protocol.
"""
# mypy: disable-error-code="misc"
# aiokafka is untyped, and its requests are classes.

from collections.abc import Sequence
from typing import Any, Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    CompactArray,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

TIMEOUT_MS: Final = 10_000
_PREFERRED: Final = 0
_METADATA_TOPIC: Final = "__cluster_metadata"


class _ReassignResponse(Response):
    API_KEY = 45
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", CompactString("utf-8")),
        (
            "responses",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("error_code", Int16),
                        ("error_message", CompactString("utf-8")),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ReassignRequest(RequestStruct):
    API_KEY = 45
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _ReassignResponse
    SCHEMA = Schema(
        ("timeout_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class Reassign(Request[_ReassignRequest]):
    """AlterPartitionReassignments: with the same replicas in another order nothing is copied."""

    API_KEY = 45

    def __init__(self, topic: str, partition: int, replicas: Sequence[int]) -> None:
        self._topics: list[Any] = [(topic, [(partition, list(replicas), {})], {})]

    def build(self, request_struct_class: type[_ReassignRequest]) -> _ReassignRequest:
        """Return the request in the version that both sides speak."""
        return request_struct_class(TIMEOUT_MS, self._topics, {})


class _ElectResponse(Response):
    API_KEY = 43
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "replica_election_results",
            Array(
                ("topic", String("utf-8")),
                (
                    "partition_result",
                    Array(("partition_id", Int32), ("error_code", Int16), ("error_message", String("utf-8"))),
                ),
            ),
        ),
    )


class _ElectRequest(RequestStruct):
    API_KEY = 43
    API_VERSION = 1
    RESPONSE_TYPE = _ElectResponse
    SCHEMA = Schema(
        ("election_type", Int8),
        ("topic_partitions", Array(("topic", String("utf-8")), ("partitions", Array(Int32)))),
        ("timeout_ms", Int32),
    )


class Elect(Request[_ElectRequest]):
    """ElectLeaders: let the preferred replica, the first of the list, lead."""

    API_KEY = 43

    def __init__(self, topic: str, partition: int) -> None:
        self._partitions = [(topic, [partition])]

    def build(self, request_struct_class: type[_ElectRequest]) -> _ElectRequest:
        """Return the request in the version that both sides speak."""
        return request_struct_class(_PREFERRED, self._partitions, TIMEOUT_MS)


_REPLICA_STATES: Final = CompactArray(
    ("replica_id", Int32), ("log_end_offset", Int64), ("tags", TaggedFields)
)


class _QuorumResponse(Response):
    API_KEY = 55
    API_VERSION = 0
    SCHEMA = Schema(
        ("error_code", Int16),
        (
            "topics",
            CompactArray(
                ("topic_name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("error_code", Int16),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("high_watermark", Int64),
                        ("current_voters", _REPLICA_STATES),
                        ("observers", _REPLICA_STATES),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _QuorumRequest(RequestStruct):
    API_KEY = 55
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _QuorumResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_name", CompactString("utf-8")),
                ("partitions", CompactArray(("partition_index", Int32), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeQuorum(Request[_QuorumRequest]):
    """DescribeQuorum of the metadata log, whose leader is the active controller."""

    API_KEY = 55

    def build(self, request_struct_class: type[_QuorumRequest]) -> _QuorumRequest:
        """Return the request in the version that both sides speak."""
        return request_struct_class([(_METADATA_TOPIC, [(0, {})], {})], {})
