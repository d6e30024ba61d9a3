"""Reliable messaging for a service: outbox, inbox, batches of events, dead letters. Needs the extra `service`."""

from backoffice_events.cloudevents import Received
from backoffice_events.messaging import bulk
from backoffice_events.messaging.batch import (
    Batch,
    ConsumerSpec,
    Handler,
    Projection,
    Refusal,
    Undecodable,
    UndecodableHandler,
)
from backoffice_events.messaging.consumer import ConsumerOptions
from backoffice_events.messaging.redrive import Answer, Redriver, Result
from backoffice_events.messaging.runtime import Messaging, MessagingStatus
from backoffice_events.messaging.unit import Transactions, UnitOfWork, Wakeup

__all__ = [
    "Answer",
    "Batch",
    "ConsumerOptions",
    "ConsumerSpec",
    "Handler",
    "Messaging",
    "MessagingStatus",
    "Projection",
    "Received",
    "Redriver",
    "Refusal",
    "Result",
    "Transactions",
    "Undecodable",
    "UndecodableHandler",
    "UnitOfWork",
    "Wakeup",
    "bulk",
]
