"""A simulator's switches, as its `--help` names them without the dashes."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

Switches: TypeAlias = Mapping[str, Decimal | int | str | Path]


def command_line(switches: Switches) -> list[str]:
    """Return the switches as a command line has them."""
    return [f"--{name}={value}" for name, value in switches.items()]
