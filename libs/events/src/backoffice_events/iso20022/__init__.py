"""ISO 20022 documents: read without trusting them, and checked against the usage guidelines in this folder.

A usage guideline is an XML schema of the part of a message that the platform and its CSD exchange, as market
infrastructures publish them: element names, order and types are the standard's, options it leaves open are decided.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from lxml import etree

from backoffice_events.iso20022.basics import InvalidDocumentError, MessageType
from backoffice_events.iso20022.components import Component, ParsedComponent, PlainComponent
from backoffice_events.iso20022.plain import PlainGuideline

__all__ = ["MAX_DOCUMENT_BYTES", "Component", "Form", "InvalidDocumentError", "MessageType", "read"]

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


def _source(message_type: MessageType) -> etree._Element:
    source = files(__package__).joinpath(f"{message_type.value}.xsd").read_bytes()
    return etree.fromstring(source, _PARSER)


@cache
def _schema(message_type: MessageType) -> etree.XMLSchema:
    return etree.XMLSchema(_source(message_type))


@cache
def _plain(message_type: MessageType) -> PlainGuideline:
    return PlainGuideline(_source(message_type), message_type.namespace)


def read(document: bytes, message_type: MessageType) -> Component:
    """Return the message inside `document`, known to be valid.

    Entities, document type declarations, network access and oversize documents are refused.
    Raises InvalidDocumentError.
    """
    guideline = _plain(message_type)
    values = guideline.values(document)
    if values is not None:
        return PlainComponent(guideline.message, values)
    return ParsedComponent(_valid_root(document, message_type)[0])


class Form:
    """A message of ours with blanks: `{name}` as the text of an element or as its currency.

    What makes a plain document needs no more than that to be valid. Else the form is filled as a tree, parsed once: a
    third cheaper than to write each message and parse it to validate it.
    """

    def __init__(self, blank: str, message_type: MessageType) -> None:
        self._message_type = message_type
        self._blank, self._tags = blank, blank.count("<")
        self._root = etree.fromstring(blank, _PARSER)
        elements = list(self._root.iter(etree.Element))
        self._texts = _blanks((element, element.text) for element in elements)
        self._currencies = _blanks((element, element.get("Ccy")) for element in elements)

    def filled(self, values: Mapping[str, str]) -> bytes:
        """Return the message with these values, which its guideline allows. Raises InvalidDocumentError."""
        return self._filled_plainly(values) or self._filled_as_tree(values)

    def _filled_plainly(self, values: Mapping[str, str]) -> bytes | None:
        """Return the message, None when a value makes it other than plain: one with markup in it, for example."""
        document = self._blank.format_map(values).encode(errors="surrogatepass")
        plain = document.count(b"<") == self._tags and _plain(self._message_type).values(document) is not None
        return document if plain else None

    def _filled_as_tree(self, values: Mapping[str, str]) -> bytes:
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
