"""Every event of the platform, one module for each domain that speaks."""

from backoffice_events.contracts import (
    compliance,
    counterparty,
    csd,
    frontoffice,
    hr,
    reference,
    settlement,
    trading,
    vocabulary,
)
from backoffice_events.contracts.base import Event, Topic, XmlEvent, all_contracts, all_topics, contract_of

__all__ = [
    "Event",
    "Topic",
    "XmlEvent",
    "all_contracts",
    "all_topics",
    "compliance",
    "contract_of",
    "counterparty",
    "csd",
    "frontoffice",
    "hr",
    "reference",
    "settlement",
    "trading",
    "vocabulary",
]
