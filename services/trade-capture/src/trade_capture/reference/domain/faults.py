"""What is wrong with a field, said so that the sender can put it right."""

from typing import NamedTuple


class Fault(NamedTuple):
    """One field at fault. field: its name. reason: what is wrong and what would be right."""

    field: str
    reason: str
