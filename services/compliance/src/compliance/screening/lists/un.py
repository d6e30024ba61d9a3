"""The UN Security Council's consolidated list in XML.

Format: https://www.un.org/sc/resources/sc-sanctions.xsd.
"""

import re
from datetime import date
from typing import cast

from lxml import etree

from compliance.screening.domain import Alias, EntityType, Entry
from compliance.screening.lists.countries import alpha2
from compliance.screening.lists.files import UnreadableListError

FILE = "document"

_NAME_PARTS = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_NOT_A_NUMBER = re.compile(r"[^A-Z0-9]")


def read(content: bytes) -> tuple[list[Entry], date]:
    """Return the entries and the date the list was generated. Raises UnreadableListError with the line."""
    root = _root(content)
    elements = [(each, EntityType.PERSON) for each in root.iterfind("INDIVIDUALS/INDIVIDUAL")]
    elements += [(each, EntityType.ORGANISATION) for each in root.iterfind("ENTITIES/ENTITY")]
    entries = [_entry(element, kind) for element, kind in elements]
    if not entries:
        raise UnreadableListError(FILE, "holds no INDIVIDUAL and no ENTITY")
    if len({entry.entry_id for entry in entries}) != len(entries):
        raise UnreadableListError(FILE, "has one DATAID twice")
    return entries, _generated(root)


def _root(content: bytes) -> etree._Element:
    """Parse without entities, external files or network: the list has no need of them."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableListError(FILE, f"is not XML: {error.msg}", error.lineno or 1) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableListError(FILE, "has a document type declaration, which the UN's list has not", 1)
    if root.tag != "CONSOLIDATED_LIST":
        raise UnreadableListError(
            FILE, f"begins with {root.tag} where CONSOLIDATED_LIST belongs", _line(root)
        )
    return root


def _generated(root: etree._Element) -> date:
    stamp = root.get("dateGenerated") or ""
    try:
        return date.fromisoformat(stamp[:10])
    except ValueError as error:
        raise UnreadableListError(
            FILE, f"dateGenerated is {stamp[:40]!r}, not a date", _line(root)
        ) from error


def _entry(element: etree._Element, kind: EntityType) -> Entry:
    entry_id = _text(element, "DATAID")
    name = " ".join(filter(None, (_text(element, part) for part in _NAME_PARTS)))
    if not entry_id or not name:
        raise UnreadableListError(FILE, f"{element.tag} without DATAID or name", _line(element))
    prefix = str(element.tag)
    names = dict.fromkeys([Alias(name=name)])
    for alias in element.iterfind(f"{prefix}_ALIAS"):
        text = _text(alias, "ALIAS_NAME")
        if text:
            names[Alias(name=text, weak=_text(alias, "QUALITY") == "Low")] = None
    homes = [alpha2(_text(address, "COUNTRY")) for address in element.iterfind(f"{prefix}_ADDRESS")]
    homes += [alpha2(value.text or "") for value in element.iterfind("NATIONALITY/VALUE")]
    return Entry(
        entry_id=entry_id,
        entity_type=kind,
        names=tuple(names),
        countries=tuple(sorted({home for home in homes if home})),
        identifiers=tuple(sorted(_passports(element))),
        programmes=(_text(element, "UN_LIST_TYPE"),),
    )


def _passports(element: etree._Element) -> set[str]:
    found = set()
    for document in element.iterfind("INDIVIDUAL_DOCUMENT"):
        number = _NOT_A_NUMBER.sub("", _text(document, "NUMBER").upper())
        if _text(document, "TYPE_OF_DOCUMENT") == "Passport" and 4 <= len(number) <= 20:
            found.add(f"PASSPORT:{number}")
    return found


def _text(element: etree._Element, child: str) -> str:
    return " ".join((element.findtext(child) or "").split())


def _line(element: etree._Element) -> int | None:
    return cast("int | None", element.sourceline)  # the stubs know an Ellipsis that lxml never gives
