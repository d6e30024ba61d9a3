"""ISO 20022 documents: read without trusting them, and checked against the usage guidelines in this folder.

A usage guideline is an XML schema of the part of a message that the platform and its CSD exchange, as market
infrastructures publish them: element names, order and types are the standard's, options it leaves open are decided.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files

from lxml import etree

MAX_DOCUMENT_BYTES = 64 * 1024
"""More than thirty times the largest message of a guideline; a document beyond it is refused unread."""

_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)


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


@cache
def _schema(message_type: MessageType) -> etree.XMLSchema:
    source = files(__package__).joinpath(f"{message_type.value}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(source, _PARSER))


class Message:
    """A valid message, asked by path from its own element, such as `TradDtls/SttlmDt/Dt/Dt`."""

    __slots__ = ("_elements",)

    def __init__(self, element: etree._Element, message_type: MessageType) -> None:
        self._elements: dict[str, etree._Element] = {}
        self._enter(element, "", len(message_type.namespace) + 2)

    def _enter(self, parent: etree._Element, prefix: str, namespace: int) -> None:
        """Note every element by its path, the first of repeated ones: one walk costs less than three searches."""
        for child in parent:
            path = prefix + child.tag[namespace:]
            self._elements.setdefault(path, child)
            if len(child):
                self._enter(child, path + "/", namespace)

    def text(self, path: str) -> str:
        """Return the text of an element that the guideline requires."""
        return self._elements[path].text or ""

    def text_or_none(self, path: str) -> str | None:
        """Return the text of an element, None when the message has none such."""
        found = self._elements.get(path)
        return None if found is None else found.text

    def choice(self, path: str) -> str | None:
        """Return the name of the element that was chosen inside another, None when the message has none such."""
        found = self._elements.get(path)
        return None if found is None else found[0].tag.rpartition("}")[2]

    def number(self, path: str) -> Decimal:
        """Return the number in an element that the guideline requires."""
        return Decimal(self.text(path).strip())

    def date(self, path: str) -> date:
        """Return the date in an element that the guideline requires, without the time zone it may have.

        Raises InvalidDocumentError for a year that no calendar of ours has.
        """
        text = self.text(path).strip()
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            raise InvalidDocumentError(f"{path}: {text[:40]!r} is not a date of this era") from None

    def money(self, path: str) -> tuple[Decimal, str]:
        """Return the amount and the currency of an element that the guideline requires."""
        return self.number(path), str(self._elements[path].get("Ccy"))


def read(document: bytes, message_type: MessageType) -> Message:
    """Return the message inside `document`, known to be valid.

    Entities, document type declarations, network access and oversize documents are refused.
    Raises InvalidDocumentError.
    """
    return Message(_valid_root(document, message_type)[0], message_type)


def check(document: bytes, message_type: MessageType) -> None:
    """Make sure that a document of ours is what its guideline allows, before it leaves. Raises InvalidDocumentError."""
    _valid_root(document, message_type)


def _valid_root(document: bytes, message_type: MessageType) -> etree._Element:
    if len(document) > MAX_DOCUMENT_BYTES:
        raise InvalidDocumentError(
            f"the document has {len(document)} bytes, {MAX_DOCUMENT_BYTES} are allowed"
        )
    try:
        root = etree.fromstring(document, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidDocumentError(f"not well-formed XML: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidDocumentError("a document type declaration is not allowed")
    try:
        _schema(message_type).assertValid(root)
    except etree.DocumentInvalid as error:
        raise InvalidDocumentError(f"not a valid {message_type.value}: {error}") from None
    return root
