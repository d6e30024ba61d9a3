"""ISO 20022 documents: read without trusting them, and checked against the usage guidelines in this folder.

A usage guideline is an XML schema of the part of a message that the platform and its CSD exchange, as market
infrastructures publish them: element names, order and types are the standard's, options it leaves open are decided.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

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


_LOCAL_NAME: Final = slice(len(f"{{{MessageType.INSTRUCTION.namespace}}}"), None)
"""Where the name begins in the tag of an element: identifiers of messages are equally long."""


class InvalidDocumentError(ValueError):
    """A document is no XML that may be read, or not a message of the expected type. The text says where and why."""


@cache
def _schema(message_type: MessageType) -> etree.XMLSchema:
    source = files(__package__).joinpath(f"{message_type.value}.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(source, _PARSER))


class Component:
    """A component of a valid message, asked by name for the elements directly inside it.

    Most of them only wrap a value, as in `SttlmDt/Dt/Dt` or `SttldQty/Qty/Unit`: what an element says is the first
    value inside it.
    """

    __slots__ = ("_inside",)

    def __init__(self, inside: Iterable[etree._Element]) -> None:
        self._inside = {child.tag[_LOCAL_NAME]: child for child in inside}

    def component(self, name: str) -> "Component":
        """Return an element as a component, an empty one when there is none such."""
        return Component(self._inside.get(name, ()))

    def choice(self, name: str) -> str | None:
        """Return the name of the element that was chosen inside another, None when there is none such."""
        found = self._inside.get(name)
        return None if found is None else str(found[0].tag[_LOCAL_NAME])

    def unit(self, name: str) -> str:
        """Return the name of the value that an element says, which the guideline requires."""
        return str(self._value(name).tag[_LOCAL_NAME])

    def text(self, name: str) -> str:
        """Return what an element says that the guideline requires."""
        return self._value(name).text or ""

    def text_or_none(self, name: str) -> str | None:
        """Return what an element says, None when there is none such."""
        return self.text(name) if name in self._inside else None

    def number(self, name: str) -> Decimal:
        """Return the number that an element says that the guideline requires."""
        return Decimal(self.text(name))

    def number_or_none(self, name: str) -> Decimal | None:
        """Return the number that an element says, None when there is none such."""
        return self.number(name) if name in self._inside else None

    def date(self, name: str) -> date:
        """Return the date that an element says that the guideline requires, without the time zone it may have.

        Raises InvalidDocumentError for a year that no calendar of ours has.
        """
        text = self.text(name).strip()
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            raise InvalidDocumentError(f"{name}: {text[:40]!r} is not a date of this era") from None

    def money(self, name: str) -> tuple[Decimal, str]:
        """Return the amount and the currency that an element says that the guideline requires."""
        return self.number(name), str(self._value(name).get("Ccy"))

    def _value(self, name: str) -> etree._Element:
        element = self._inside[name]
        while len(element):
            element = element[0]
        return element


def read(document: bytes, message_type: MessageType) -> Component:
    """Return the message inside `document`, known to be valid.

    Entities, document type declarations, network access and oversize documents are refused.
    Raises InvalidDocumentError.
    """
    return Component(_valid_root(document, message_type)[0])


class Form:
    """A message of ours with blanks: `{name}` as the text of an element or as its currency.

    It is parsed once and filled for each message: a third cheaper than to write each one and parse it to validate it.
    """

    def __init__(self, blank: str, message_type: MessageType) -> None:
        self._message_type = message_type
        self._root = etree.fromstring(blank, _PARSER)
        elements = list(self._root.iter(etree.Element))
        self._texts = _blanks((element, element.text) for element in elements)
        self._currencies = _blanks((element, element.get("Ccy")) for element in elements)

    def filled(self, values: Mapping[str, str]) -> bytes:
        """Return the message with these values, which its guideline allows. Raises InvalidDocumentError."""
        try:
            for element, name in self._texts:
                element.text = values[name]
            for element, name in self._currencies:
                element.set("Ccy", values[name])
        except ValueError as error:
            raise InvalidDocumentError(f"no XML can say it: {error}") from error
        _assert_valid(self._root, self._message_type)
        return etree.tostring(self._root, encoding="UTF-8", xml_declaration=False)


def _blanks(
    said: Iterable[tuple[etree._Element, str | None]],
) -> list[tuple[etree._Element, str]]:
    """Return the elements that say a name in braces, with the name."""
    return [(element, text[1:-1]) for element, text in said if text is not None and text.startswith("{")]


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
    _assert_valid(root, message_type)
    return root


def _assert_valid(root: etree._Element, message_type: MessageType) -> None:
    try:
        _schema(message_type).assertValid(root)
    except etree.DocumentInvalid as error:
        raise InvalidDocumentError(f"not a valid {message_type.value}: {error}") from None
