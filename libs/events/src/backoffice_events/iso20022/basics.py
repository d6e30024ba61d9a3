"""The messages that there are, and what may be wrong with a document."""

from enum import StrEnum


class MessageType(StrEnum):
    """The messages that a guideline exists for, by ISO 20022 message identifier."""

    INSTRUCTION = "sese.023.001.11"
    CANCELLATION_REQUEST = "sese.020.001.07"
    STATUS_ADVICE = "sese.024.001.12"
    CONFIRMATION = "sese.025.001.11"
    CANCELLATION_ADVICE = "sese.027.001.07"

    @property
    def namespace(self) -> str:
        """Return the XML namespace of the message's documents."""
        return f"urn:iso:std:iso:20022:tech:xsd:{self.value}"


class InvalidDocumentError(ValueError):
    """A document is no XML that may be read, or not a message of the expected type. The text says where and why."""
