"""A front office that misbehaves, and senders of garbage."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx
from msgspec.structs import replace as with_other

from backoffice_cli.chaos.fault import Act, Drawn, Fault, NotNowError, OneFault, Parameters, Planned, Shape
from backoffice_cli.chaos.stage import Stage
from backoffice_cli.platform import body_of
from backoffice_cli.stack.errors import StackError
from backoffice_events.contracts.compliance import COMPLIANCE_DECISIONS
from backoffice_events.contracts.counterparty import COUNTERPARTY_CONFIRMATIONS
from backoffice_events.contracts.csd import CSD_ADVICES
from backoffice_events.contracts.frontoffice import TradeExecuted
from backoffice_events.contracts.settlement import SETTLEMENT_INSTRUCTIONS
from backoffice_events.contracts.trading import TRADING_TRADES
from backoffice_events.ids import new_id
from backoffice_events.records import Record
from simulators.front_office.bad_data import BAD_DATA
from simulators.front_office.scenario import Act as Report

_INTERNAL: Final = [
    topic.name
    for topic in (
        TRADING_TRADES,
        COMPLIANCE_DECISIONS,
        SETTLEMENT_INSTRUCTIONS,
        CSD_ADVICES,
        COUNTERPARTY_CONFIRMATIONS,
    )
]
_READ_BY_ONE: Final = [CSD_ADVICES.name, COUNTERPARTY_CONFIRMATIONS.name]
_STORED_SECONDS: Final = 300
_BURST: Final = 700
"""More than the 500 events that a consumer looks back on, so that more than half of them are poison."""


class _Misbehaviour(OneFault):
    """What producers do is done at once, or in a thread; nothing is left to take back."""

    def heal(self, stage: Stage, planned: Planned) -> None:
        """Nothing is left to take back: what was sent was sent."""

    def send(self, stage: Stage, sending: Future[None], what: str, planned: Planned) -> None:
        """See, beside the run, that the broker stores what is being sent: it may be away for a while."""
        stage.note(planned, what)
        stage.aside(partial(sending.result, _STORED_SECONDS))


def _good_ones(stage: Stage) -> list[tuple[Report, Record]]:
    """Return the plain executions published so far, which no later report of the trade has changed."""
    good = [each for each in stage.front_office.published if each[0].mishap is None]
    if not good:
        raise NotNowError("nothing is published yet")
    return good


@dataclass(frozen=True)
class Duplicates(_Misbehaviour):
    """Records come again, byte by byte, as from a producer that never heard the acknowledgement."""

    name: str = "duplicates"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw how many and which."""
        return Drawn(
            "front office", parameters={"number": draw.randint(20, 200), "seed": draw.getrandbits(32)}
        )

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Send them again, in their order."""
        published = stage.front_office.published
        if not published:
            raise NotNowError("nothing is published yet")
        chosen = _sample(planned.parameters, range(len(published)))
        sending = stage.front_office.send([published[place][1] for place in sorted(chosen)], "duplicate")
        self.send(stage, sending, f"{len(chosen)} records sent again", planned)


@dataclass(frozen=True)
class Resends(_Misbehaviour):
    """Executions are reported again under new event ids, as from a front office that was restored from a backup."""

    name: str = "resends"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw how many and which."""
        return Drawn(
            "front office", parameters={"number": draw.randint(10, 100), "seed": draw.getrandbits(32)}
        )

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Report them again."""
        good = _good_ones(stage)
        chosen = [good[place][0] for place in sorted(_sample(planned.parameters, range(len(good))))]
        sending = stage.front_office.publish([Report(each.report, new_id(), "resends") for each in chosen])
        self.send(stage, sending, f"{len(chosen)} executions reported again under new ids", planned)


@dataclass(frozen=True)
class Reordering(OneFault):
    """For a while, reports of different trades leave in another order than they were made in."""

    name: str = "reordering"
    acts: tuple[Act, ...] = (Act.TRADING,)

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw for how long."""
        return Drawn("front office", round(draw.uniform(2, 6), 1), {"seed": draw.getrandbits(32)})

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Begin."""
        stage.front_office.shuffle = random.Random(int(planned.parameters["seed"]))  # noqa: S311  repeatable
        stage.note(planned, "reports leave in another order")

    def heal(self, stage: Stage, planned: Planned) -> None:
        """End."""
        stage.front_office.shuffle = None
        stage.note(planned, "reports leave in their order again")


@dataclass(frozen=True)
class Poison(_Misbehaviour):
    """Every kind of bad data there is, each once, in the name of trades that do not exist otherwise."""

    name: str = "poison"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the order of the kinds."""
        return Drawn("front office", parameters={"seed": draw.getrandbits(32)})

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Publish them."""
        model = _good_ones(stage)[0][0].report
        if not isinstance(model, TradeExecuted):
            raise NotNowError("no execution is published yet")
        kinds = _generator(planned.parameters).sample(list(BAD_DATA), len(BAD_DATA))
        sending = stage.front_office.publish([_bad(model, kind, planned.number) for kind in kinds])
        self.send(stage, sending, f"{len(kinds)} kinds of bad data", planned)


def _bad(model: TradeExecuted, kind: str, number: int) -> Report:
    name = f"{model.trade_reference}-{number}-{kind}"
    return Report(with_other(model, trade_reference=name), new_id(), "bad_data", kind)


@dataclass(frozen=True)
class Strays(_Misbehaviour):
    """Garbage on a topic between the services, under the keys of real trades: what follows them has to wait."""

    name: str = "strays"

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the topic and how many."""
        return Drawn(
            draw.choice(_INTERNAL), parameters={"number": draw.randint(2, 8), "seed": draw.getrandbits(32)}
        )

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Send them."""
        keys = _keys(stage)
        chosen = [keys[place] for place in sorted(_sample(planned.parameters, range(len(keys))))]
        draw = _generator(planned.parameters)
        records = [garbage(planned.target, key.encode(), draw) for key in chosen]
        sending = stage.front_office.send(records, "stray")
        self.send(stage, sending, f"{len(records)} records of garbage under the keys of trades", planned)


@dataclass(frozen=True)
class PoisonBurst(_Misbehaviour):
    """So much garbage that a consumer stops at its dead-letter cap; recovery goes by the runbook."""

    name: str = "poison-burst"
    weight: float = 0.3

    def draw(self, draw: random.Random, shape: Shape) -> Drawn:
        """Draw the topic."""
        return Drawn(draw.choice(_READ_BY_ONE), parameters={"seed": draw.getrandbits(32)})

    def inject(self, stage: Stage, planned: Planned) -> None:
        """Send it."""
        draw = _generator(planned.parameters)
        records = [garbage(planned.target, f"stray-{new_id()}".encode(), draw) for _ in range(_BURST)]
        self.send(
            stage, stage.front_office.send(records, "stray"), f"{len(records)} records of garbage", planned
        )


def garbage(topic: str, key: bytes, draw: random.Random) -> Record:
    """Return a record that is no event of any release: by its bytes, its type or its form."""
    made: Sequence[Callable[[], tuple[bytes | None, dict[str, bytes]]]] = (
        lambda: (draw.randbytes(draw.randint(1, 200)), {}),
        lambda: (b'{"cut', {"ce_type": b"backoffice.trading.trade-captured.v1"}),
        lambda: (b"{}", {"ce_type": b"backoffice.nobody.knows-this.v1"}),
        lambda: (b"[" * 5_000, {"ce_type": b"backoffice.trading.trade-captured.v1"}),
        lambda: (b"", {}),
        lambda: (None, {}),
    )
    value, headers = draw.choice(made)()
    attributes = {
        "ce_specversion": b"1.0",
        "ce_id": new_id().encode(),
        "ce_source": b"urn:nobody",
        "content-type": b"application/json",
        **headers,
    }
    return Record(topic, key, value, list(attributes.items()))


def _keys(stage: Stage) -> list[str]:
    """Return the ids of some trades that trade-capture has. Raises NotNowError when it does not answer."""
    try:
        with stage.platform.client("trade-capture", "operations") as client:
            found: dict[str, Any] = body_of(client.get("/trades", params={"limit": 200}, timeout=3))
    except (httpx.HTTPError, StackError) as error:
        raise NotNowError(f"trade-capture does not answer: {error}") from error
    if not found["items"]:
        raise NotNowError("no trade is captured yet")
    return [trade["trade_id"] for trade in found["items"]]


def _generator(parameters: Parameters) -> random.Random:
    return random.Random(int(parameters["seed"]))  # noqa: S311  what is sent can be repeated


def _sample(parameters: Parameters, places: range) -> list[int]:
    return _generator(parameters).sample(places, min(int(parameters["number"]), len(places)))


FAULTS: tuple[Fault, ...] = (Duplicates(), Resends(), Reordering(), Poison(), Strays(), PoisonBurst())
