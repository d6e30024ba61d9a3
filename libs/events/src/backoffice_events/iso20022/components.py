"""A message that is known to be valid, asked by name for what it says."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from lxml import etree

from backoffice_events.iso20022.basics import InvalidDocumentError, MessageType
from backoffice_events.iso20022.plain import Element, Leaf, Values

_LOCAL_NAME: Final = slice(len(f"{{{MessageType.INSTRUCTION.namespace}}}"), None)
"""Where the name begins in the tag of an element: identifiers of messages are equally long."""


class Value(NamedTuple):
    """What an element says. unit: name of the element that holds it. currency: of an amount, else None."""

    unit: str
    text: str
    currency: str | None


class Component(ABC):
    """A component of a valid message, asked by name for the elements directly inside it.

    Most of them only wrap a value, as in `SttlmDt/Dt/Dt` or `SttldQty/Qty/Unit`: what an element says is the first
    value inside it.
    """

    __slots__ = ()

    @abstractmethod
    def _component(self, name: str) -> "Component":
        """Return an element as a component, an empty one when there is none such."""

    @abstractmethod
    def _choice(self, name: str) -> str | None:
        """Return the name of the first element inside another, None when there is none such."""

    @abstractmethod
    def _value(self, name: str) -> Value | None:
        """Return what an element says, None when there is none such."""

    def component(self, name: str) -> "Component":
        """Return an element as a component, an empty one when there is none such."""
        return self._component(name)

    def choice(self, name: str) -> str | None:
        """Return the name of the element that was chosen inside another, None when there is none such."""
        return self._choice(name)

    def unit(self, name: str) -> str:
        """Return the name of the value that an element says, which the guideline requires."""
        return self._required(name).unit

    def text(self, name: str) -> str:
        """Return what an element says that the guideline requires."""
        return self._required(name).text

    def text_or_none(self, name: str) -> str | None:
        """Return what an element says, None when there is none such."""
        value = self._value(name)
        return None if value is None else value.text

    def number(self, name: str) -> Decimal:
        """Return the number that an element says that the guideline requires."""
        return Decimal(self.text(name))

    def number_or_none(self, name: str) -> Decimal | None:
        """Return the number that an element says, None when there is none such."""
        text = self.text_or_none(name)
        return None if text is None else Decimal(text)

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
        value = self._required(name)
        return Decimal(value.text), str(value.currency)

    def _required(self, name: str) -> Value:
        value = self._value(name)
        if value is None:
            raise KeyError(name)
        return value


class ParsedComponent(Component):
    """A component of a document that was parsed."""

    __slots__ = ("_inside",)

    def __init__(self, inside: Iterable[etree._Element]) -> None:
        self._inside = {child.tag[_LOCAL_NAME]: child for child in inside}

    def _component(self, name: str) -> Component:
        return ParsedComponent(self._inside.get(name, ()))

    def _choice(self, name: str) -> str | None:
        found = self._inside.get(name)
        return None if found is None else str(found[0].tag[_LOCAL_NAME])

    def _value(self, name: str) -> Value | None:
        element = self._inside.get(name)
        if element is None:
            return None
        while len(element):
            element = element[0]
        return Value(str(element.tag[_LOCAL_NAME]), element.text or "", element.get("Ccy"))


class PlainComponent(Component):
    """A component of a document that is plain. values: all that the document says."""

    __slots__ = ("_inside", "_values")

    def __init__(self, element: Element | None, values: Values) -> None:
        self._inside = {} if element is None else element.inside
        self._values = values

    def _component(self, name: str) -> Component:
        return PlainComponent(self._inside.get(name), self._values)

    def _choice(self, name: str) -> str | None:
        leaf = self._leaf(name)
        return None if leaf is None else leaf.within[self._inside[name].depth]

    def _value(self, name: str) -> Value | None:
        leaf = self._leaf(name)
        if leaf is None:
            return None
        currency = self._said(leaf.value - 1) if leaf.in_currency else None
        return Value(leaf.within[-1], self._said(leaf.value), currency)

    def _said(self, place: int) -> str:
        return (self._values[place] or b"").decode("ascii")

    def _leaf(self, name: str) -> Leaf | None:
        """Return the first value inside an element, None when there is none such."""
        element, values = self._inside.get(name), self._values
        if element is not None:
            for leaf in element.leaves:
                if values[leaf.value] is not None:
                    return leaf
        return None
