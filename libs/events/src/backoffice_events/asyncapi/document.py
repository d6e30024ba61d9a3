"""What one service receives and sends, as an AsyncAPI 3.0 document."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backoffice_events.contracts.base import Event, Topic, all_contracts
from backoffice_events.messaging.batch import ConsumerSpec
from backoffice_events.messaging.dead_letters import topic_of

Document = dict[str, Any]

_HEADERS: Mapping[str, str] = {
    "ce_specversion": "always 1.0",
    "ce_id": "unique for its source, for ever; a resend repeats it",
    "ce_type": "names the contract and its major version",
    "ce_source": "URN of the sender",
    "ce_time": "RFC 3339 timestamp",
}
_OPTIONAL_HEADERS: Mapping[str, str] = {
    "ce_subject": "the record's key",
    "ce_partitionkey": "the record's key",
    "traceparent": "W3C trace context",
}


def document(
    *, name: str, title: str, description: str, version: str, consumers: Sequence[ConsumerSpec], schemas: str
) -> Document:
    """Return the document of a service. schemas: path from the document to the folder of the committed schemas."""
    sent = [contract for contract in all_contracts() if contract.topic.owner == name]
    received = [contract for spec in consumers for contract in spec.contracts]
    contracts = sorted(set(sent) | set(received), key=lambda contract: contract.event_type)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": version,
            "description": description,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {**_channels(contracts), **_dead_letter_channels(consumers)},
        "operations": {**_sending(sent), **_receiving(consumers)},
        "components": {
            "messages": {contract.__name__: _message(contract, schemas) for contract in contracts},
            "schemas": {"CloudEvent": _cloud_event()},
        },
    }


def _channels(contracts: Iterable[type[Event]]) -> Document:
    channels: Document = {}
    for contract in contracts:
        channel = channels.setdefault(contract.topic.name, _channel(contract.topic))
        channel["messages"][contract.__name__] = {"$ref": f"#/components/messages/{contract.__name__}"}
    return dict(sorted(channels.items()))


def _channel(topic: Topic) -> Document:
    cleanup = "compact" if topic.compacted else "delete"
    kafka = {"partitions": topic.partitions, "topicConfiguration": {"cleanup.policy": [cleanup]}}
    return {
        "address": topic.name,
        "description": f"Published by {topic.owner}.",
        "messages": {},
        "bindings": {"kafka": kafka},
    }


def _dead_letter_channels(consumers: Sequence[ConsumerSpec]) -> Document:
    return {
        topic_of(topic.name, spec.group): {
            "address": topic_of(topic.name, spec.group),
            "description": f"What {spec.group} could not take, as it came, with dlq_* headers that say why.",
        }
        for spec in consumers
        for topic in spec.topics
    }


def _sending(contracts: Iterable[type[Event]]) -> Document:
    by_topic: dict[str, list[type[Event]]] = {}
    for contract in contracts:
        by_topic.setdefault(contract.topic.name, []).append(contract)
    return {f"send.{topic}": _operation("send", topic, each) for topic, each in sorted(by_topic.items())}


def _receiving(consumers: Sequence[ConsumerSpec]) -> Document:
    operations: Document = {}
    for spec in sorted(consumers, key=lambda spec: spec.group):
        for topic in spec.topics:
            wanted = [contract for contract in spec.contracts if contract.topic == topic]
            operation = _operation("receive", topic.name, wanted)
            operation["bindings"] = {"kafka": {"groupId": {"type": "string", "const": spec.group}}}
            operation["x-ordered"] = spec.ordered
            operations[f"receive.{spec.group}.{topic.name}"] = operation
    return operations


def _operation(action: str, topic: str, contracts: Sequence[type[Event]]) -> Document:
    channel = f"#/channels/{topic}"
    messages = [{"$ref": f"{channel}/messages/{contract.__name__}"} for contract in contracts]
    return {"action": action, "channel": {"$ref": channel}, "messages": messages}


def _message(contract: type[Event], schemas: str) -> Document:
    words = (inspect.getdoc(contract) or "").split("\n\n", 1)
    return {
        "name": contract.event_type,
        "title": contract.__name__,
        "summary": words[0],
        "contentType": contract.content_type,
        "headers": {"$ref": "#/components/schemas/CloudEvent"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"{schemas}/{contract.event_type}.json"},
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": " : ".join(contract.key_fields)}}},
    }


def _cloud_event() -> Document:
    every = {**_HEADERS, **_OPTIONAL_HEADERS}
    return {
        "type": "object",
        "description": "CloudEvents 1.0 attributes in Kafka's binary mode.",
        "properties": {name: {"type": "string", "description": text} for name, text in every.items()},
        "required": list(_HEADERS),
    }
