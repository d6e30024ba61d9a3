"""Replacing one named method or function before a service's module runs."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Wrap = Callable[[Any], Any]
"""Takes the original and returns what stands in its place."""


class SabotageError(Exception):
    """What was asked for cannot be done; its text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be replaced. where: `module:attribute` or `module:Class.method`."""

    where: str

    def _holder(self) -> tuple[Any, str]:
        module, _, path = self.where.partition(":")
        *outer, name = path.split(".")
        holder: Any = importlib.import_module(module)
        for part in outer:
            holder = getattr(holder, part)
        return holder, name

    def find(self) -> Any:
        """Return the original. Raises SabotageError when there is none of that name any more."""
        try:
            holder, name = self._holder()
            return getattr(holder, name)
        except (ImportError, AttributeError) as error:
            raise SabotageError(f"{self.where} is not there any more: {error}") from error

    def replace(self, wrap: Wrap) -> None:
        """Put something in its place. Raises SabotageError like `find`."""
        replacement = wrap(self.find())
        holder, name = self._holder()
        setattr(holder, name, replacement)
