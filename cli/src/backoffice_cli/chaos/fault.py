"""What a fault is: how the schedule draws it, how it is brought about, and how it is taken back."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from backoffice_cli.chaos.stage import Stage

Parameters: TypeAlias = Mapping[str, int | float | str]


class Need(StrEnum):
    """What a stage must have for a fault to be possible at all."""

    CLUSTER = "three brokers"
    PROXIES = "proxies before broker and database"
    SMALL_DISK = "a small disk of the database's own"


class Act(StrEnum):
    """The two times of a run in which faults strike.

    TRADING: while the front office publishes trades. SETTLING: after the first roll of the business day, while the CSD
    settles what is due and the front office amends and busts.
    """

    TRADING = "trading"
    SETTLING = "settling"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a stack is made of, as far as a plan depends on it. provides: the needs that it meets."""

    services: tuple[str, ...]
    provides: frozenset[Need] = frozenset()


@dataclass(frozen=True, slots=True)
class Drawn:
    """One occurrence of a fault as the seed has it.

    target: what it strikes, such as a service; by commas where there are several. lasts: seconds until it is taken
    back; None until the act ends.
    """

    target: str
    lasts: float | None = None
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault of a plan. at: seconds after its act began. number: its place in the plan, from 1."""

    number: int
    act: Act
    at: float
    fault: str
    drawn: Drawn

    @property
    def target(self) -> str:
        """Return what it strikes."""
        return self.drawn.target

    @property
    def parameters(self) -> Parameters:
        """Return what else the seed has drawn for it."""
        return self.drawn.parameters

    @property
    def ends(self) -> float | None:
        """Return the second of its act in which it is taken back, None when the act's end is."""
        return None if self.drawn.lasts is None else self.at + self.drawn.lasts


class NotNowError(Exception):
    """A fault cannot be brought about at this moment, such as the death of what is dead; the run goes on without it."""


class Fault(Protocol):
    """A kind of fault. It keeps nothing between calls: what `heal` needs lies in `stage.kept(planned)`."""

    @property
    def name(self) -> str:
        """Its name on the command line and in reports."""
        ...

    @property
    def needs(self) -> frozenset[Need]:
        """What the stage must have; else it is left out of a plan."""
        ...

    @property
    def acts(self) -> tuple[Act, ...]:
        """The acts in which it may strike."""
        ...

    @property
    def weight(self) -> float:
        """How often it is drawn, beside 1 for most."""
        ...

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw an occurrence. Pure: the same generator and shape give the same."""
        ...

    def inject(self, stage: "Stage", planned: Planned) -> None:
        """Bring it about; called from the main thread, so children may be spawned.

        Return soon: what takes time goes on in `stage.aside`. Raises NotNowError when there is nothing to strike.
        """
        ...

    def heal(self, stage: "Stage", planned: Planned) -> None:
        """Take it back; called once for each that was brought about, from the main thread."""
        ...


class OneFault:
    """What most faults have in common: no needs, both acts, drawn as often as any."""

    needs: frozenset[Need] = frozenset()
    acts: tuple[Act, ...] = (Act.TRADING, Act.SETTLING)
    weight: float = 1.0
