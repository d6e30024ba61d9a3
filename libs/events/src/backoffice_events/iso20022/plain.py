"""Documents that are plainly valid: a guideline as one regular expression, which needs no parser.

An expression is made of a guideline's schema, and finds fewer documents than the schema allows: those in ASCII, without
white space between elements, comments, entities and whatever else XML has to say a thing in two ways. So what it finds
is valid, and what it doesn't find has to be parsed: a matter of time alone. Systems write their messages plainly.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from lxml import etree

Values = tuple[bytes | None, ...]
"""What a document says, value by value as the guideline has them; None for those that it leaves out."""

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_DECLARATION: Final = r'(?:<\?xml version="1\.0" encoding="UTF-8"\?>\n?)?'
_CHARACTER: Final = r"[ -%'-;=?-~]"  # ASCII but for &, < and >
_SIMPLE_PATTERN: Final = re.compile(r"[A-Z0-9\[\]{},()-]+")
_DATE: Final = (
    r"(?!0000)[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"  # 29 February is for the parser
)


class Leaf(NamedTuple):
    """An element that holds a value. within: names from the message's own down to its own. value: its place in Values,
    before which stands its currency when it is in one.
    """

    within: tuple[str, ...]
    value: int
    in_currency: bool


class Element(NamedTuple):
    """An element of a guideline. depth: how many elements it is in. leaves: all those inside it, or itself."""

    depth: int
    inside: dict[str, "Element"]
    leaves: tuple[Leaf, ...]


class PlainGuideline:
    """Finds the plain documents of a message. message: the element inside `Document`."""

    def __init__(self, schema: etree._Element, namespace: str) -> None:
        self._types = {each.get("name", ""): each for each in schema if each.tag != f"{_XS}element"}
        self._values = 0
        (declared,) = self._types["Document"].iter(f"{_XS}element")
        pattern, self.message = self._element(declared, ())
        root = rf'{_DECLARATION}<Document xmlns="{re.escape(namespace)}">{pattern}</Document>'
        self._fullmatch = re.compile(root.encode()).fullmatch

    def values(self, document: bytes) -> Values | None:
        """Return what a document says, None when it is not plain."""
        found = self._fullmatch(document)
        return None if found is None else found.groups()

    def _element(self, declared: etree._Element, within: tuple[str, ...]) -> tuple[str, Element]:
        """Return the pattern of an element, and what it will be asked for."""
        name, kind = declared.get("name", ""), self._types[declared.get("type", "")]
        if declared.get("maxOccurs", "1") != "1" or declared.get("minOccurs", "1") not in {"0", "1"}:
            raise NotImplementedError(f"{name} more than once")
        here = (*within, name)
        if kind.tag == f"{_XS}simpleType":
            pattern, element = self._leaf(here, rf"<{name}>({self._simple(kind)})</{name}>")
        elif (amount := kind.find(f"{_XS}simpleContent/{_XS}extension")) is not None:
            pattern, element = self._amount(here, amount)
        elif kind[0].tag == f"{_XS}sequence" and not len(kind[0]):
            pattern, element = self._leaf(here, rf"<{name}(?:/>|></{name}>)()")
        else:
            (content,) = kind  # no attributes beside it
            pattern, element = self._complex(here, content)
        return (f"(?:{pattern})?" if declared.get("minOccurs") == "0" else pattern), element

    def _complex(self, here: tuple[str, ...], kind: etree._Element) -> tuple[str, Element]:
        parts = [self._element(declared, here) for declared in kind]
        patterns = [pattern for pattern, _ in parts]
        content = "".join(patterns) if kind.tag == f"{_XS}sequence" else f"(?:{'|'.join(patterns)})"
        inside = {
            declared.get("name", ""): element for declared, (_, element) in zip(kind, parts, strict=True)
        }
        leaves = tuple(leaf for element in inside.values() for leaf in element.leaves)
        # An element that says nothing, where all inside it is optional, is for the parser.
        return f"<{here[-1]}>(?!</){content}</{here[-1]}>", Element(len(here), inside, leaves)

    def _leaf(self, here: tuple[str, ...], pattern: str, *, in_currency: bool = False) -> tuple[str, Element]:
        leaf = Leaf(here, self._values, in_currency)
        self._values += 1
        return pattern, Element(len(here), {}, (leaf,))

    def _amount(self, here: tuple[str, ...], kind: etree._Element) -> tuple[str, Element]:
        """Return those of a number with its currency."""
        (attribute,) = kind
        currency = self._simple(self._types[attribute.get("type", "")])
        number = self._simple(self._types[kind.get("base", "")])
        self._values += 1
        pattern = f'<{here[-1]} Ccy="({currency})">({number})</{here[-1]}>'
        return self._leaf(here, pattern, in_currency=True)

    def _simple(self, kind: etree._Element) -> str:
        """Return the pattern of a simple type's values."""
        (restriction,) = kind
        facets = list(_facets(restriction))
        codes = [value for name, value in facets if name == "enumeration"]
        if codes and len(codes) == len(facets):
            return "|".join(map(re.escape, codes))
        return _BASES[restriction.get("base", "")](dict(facets))


def _facets(restriction: etree._Element) -> Iterator[tuple[str, str]]:
    for facet in restriction:
        yield facet.tag.removeprefix(_XS), facet.get("value", "")


def _text(facets: dict[str, str]) -> str:
    if set(facets) == {"minLength", "maxLength"}:
        return f"{_CHARACTER}{{{facets['minLength']},{facets['maxLength']}}}"
    if set(facets) == {"pattern"} and _SIMPLE_PATTERN.fullmatch(facets["pattern"]):
        return facets["pattern"].replace("(", "(?:")
    raise NotImplementedError(f"text with {facets}")


def _decimal(facets: dict[str, str]) -> str:
    """A number of fewer characters than digits are allowed, and not below 0."""
    if (
        not {"totalDigits", "fractionDigits"}
        <= set(facets)
        <= {"totalDigits", "fractionDigits", "minInclusive"}
    ):
        raise NotImplementedError(f"a number with {facets}")
    if facets.get("minInclusive", "0") != "0":
        raise NotImplementedError(f"a number with {facets}")
    digits, fraction = facets["totalDigits"], facets["fractionDigits"]
    return rf"(?=[0-9.]{{1,{digits}}}<)[0-9]+(?:\.[0-9]{{1,{fraction}}})?"


def _date(facets: dict[str, str]) -> str:
    if facets:
        raise NotImplementedError(f"a date with {facets}")
    return _DATE


_BASES: Final = {"xs:string": _text, "xs:decimal": _decimal, "xs:date": _date}
