"""The UN Security Council's consolidated list in XML.

Format: https://www.un.org/sc/resources/sc-sanctions.xsd. Names stand in the script of their bearers, too: in
NAME_ORIGINAL_SCRIPT, and in aliases, alone or beside Latin letters (`Jin Tiesan (金铁三)`), of which the format says
nothing.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import cast

from lxml import etree

from compliance.screening.domain import Alias, EntityType, Entry
from compliance.screening.lists.countries import alpha2
from compliance.screening.lists.files import UnreadableListError
from compliance.screening.names import by_script

FILE = "document"

_NAME_PARTS = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_NOT_A_NUMBER = re.compile(r"[^A-Z0-9]")
_BETWEEN_SCRIPTS = re.compile(r";|\(?original script\)?:?")


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
    names = dict.fromkeys([Alias(name=name), *_aliases(element)])
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


def _aliases(element: etree._Element) -> Iterator[Alias]:
    for name in _of_one_script(_text(element, "NAME_ORIGINAL_SCRIPT")):
        yield Alias(name=name)
    for alias in element.iterfind(f"{element.tag}_ALIAS"):
        weak = _text(alias, "QUALITY") == "Low"
        for name in _of_one_script(_text(alias, "ALIAS_NAME")):
            yield Alias(name=name, weak=weak)


def _of_one_script(text: str) -> Iterator[str]:
    """Yield the names in a text that writes one in two scripts; any other text is one name."""
    pieces = _BETWEEN_SCRIPTS.split(text) if "original script" in text or all(by_script(text)) else [text]
    for piece in pieces:
        scripts = by_script(piece)
        for name in scripts if all(scripts) else (piece,):
            if trimmed := _trimmed(name):
                yield trimmed


def _trimmed(name: str) -> str:
    """Return a name without the punctuation and half of a pair of brackets that it was cut out with."""
    name = name.lstrip(" ,;:-)").rstrip(" ,;:-(")
    if name.count("(") > name.count(")"):
        name = name.replace("(", "", 1)
    elif name.count(")") > name.count("("):
        name = "".join(name.rsplit(")", 1))
    return " ".join(name.split())


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
