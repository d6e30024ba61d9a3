"""One seed: trades under faults, everything healed, what can settle settled, and then the audit."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from backoffice_cli.auditor import audit, begin
from backoffice_cli.chaos.fault import Act, Fault, NotNowError, Planned
from backoffice_cli.chaos.front_office import FrontOffice
from backoffice_cli.chaos.recovery import recover
from backoffice_cli.chaos.registry import FAULTS
from backoffice_cli.chaos.schedule import plan
from backoffice_cli.chaos.shape import shape_of
from backoffice_cli.chaos.stacks import record_of
from backoffice_cli.chaos.stage import Say, Stage
from backoffice_cli.chaos.timeline import LATE, Due, World, timeline
from backoffice_cli.commands import reconcile
from backoffice_cli.demo.days import roll
from backoffice_cli.platform import Stack, every_page
from backoffice_cli.stack.paths import repository_root
from simulators.front_office.replay import known_market

_SETTLING_SHARE: Final = 0.5
"""How long faults go on after the roll, as a share of the time in which trades are published."""

_FURTHER_ROLLS: Final = 2
_PUBLISHED_WITHIN_SECONDS: Final = 300
_TICK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run. seconds: how long trades are published. late: as for `timeline`."""

    seed: int
    trades: int
    seconds: float
    faults: Sequence[Fault]
    late: float = LATE


def run(platform: Stack, wanted: Wanted, say: Say) -> dict[str, Any]:
    """Run a seed on a stack that is up and return what was done and found; `ok` says whether all of it is clean.

    Raises StackError when the stack does not come back, or does not come to rest, after the faults.
    """
    began = time.monotonic()
    shape = shape_of(platform.plan.topology)
    seconds = {Act.TRADING: wanted.seconds, Act.SETTLING: wanted.seconds * _SETTLING_SHARE}
    planned = plan(wanted.seed, wanted.faults, shape, seconds)
    due = timeline(wanted.seed, wanted.trades, seconds, world_of(platform), late=wanted.late)
    record = record_of(platform.folder)
    begin(platform, record)
    with FrontOffice(platform.plan.clients_bootstrap_servers, record) as front_office:
        stage = Stage(platform, shape, front_office, random.Random(f"stage {wanted.seed}"), say)  # noqa: S311
        _act(Act.TRADING, stage, planned, due)
        _say_days(stage)
        _act(Act.SETTLING, stage, planned, due)
        for _ in range(_FURTHER_ROLLS):
            _say_days(stage)
            recover(stage)
        stage.tell("run", "stack", "quiet for the last time")
    audited = audit(platform, record, seed=str(wanted.seed), say=say)
    stage.tell("run", "stack", "audited")
    report = reconcile.run(platform)
    stage.tell("run", "stack", "reconciled")
    return {
        "seed": wanted.seed,
        "trades": wanted.trades,
        "ok": audited.ok and report.ok,
        "seconds": round(time.monotonic() - began, 1),
        "reports": sum(map(len, due.values())),
        "planned": [{**asdict(each), "struck": each.number in stage.struck} for each in planned],
        "deeds": [asdict(each) for each in stage.deeds],
        "audit": audited.as_json(),
        "reconcile": reconcile.document(report),
    }


def world_of(platform: Stack) -> World:
    """Return what a front office finds on a platform that is up."""
    with platform.client("trade-capture", "operations") as client:
        days = {
            row["calendar"]: date.fromisoformat(row["business_date"])
            for row in every_page(client, "/reference/business-days")
            if row["status"] == "OPEN"
        }
    market = asyncio.run(known_market(platform.brokers))
    return World(market, days, repository_root() / "data")


def _act(act: Act, stage: Stage, planned: Sequence[Planned], due: Mapping[Act, Sequence[Due]]) -> None:
    """Publish the reports of an act while its faults strike, and have everything healed."""
    published = stage.front_office.play(due[act])
    _play(stage, [each for each in planned if each.act is act], until=published)
    published.result(_PUBLISHED_WITHIN_SECONDS)
    recover(stage)
    stage.finish_afterwards()


def _say_days(stage: Stage) -> None:
    days = roll(stage.platform)
    stage.tell("day", "rolled", ", ".join(f"{calendar} {day}" for calendar, day in days.items()))


def _play(stage: Stage, planned: Sequence[Planned], until: "Future[None]") -> None:
    """Bring about the faults of an act at their moments and take each back at its end, or when the act is over."""
    began = time.monotonic()
    waiting, standing = list(planned), list[Planned]()

    def now() -> float:
        return time.monotonic() - began

    def goes_on() -> bool:
        return not until.done() or bool(waiting) or any(each.ends is not None for each in standing)

    try:
        while goes_on():
            while waiting and waiting[0].at <= now():
                each = waiting.pop(0)
                if _injected(stage, each):
                    standing.append(each)
            for each in [each for each in standing if each.ends is not None and each.ends <= now()]:
                standing.remove(each)
                FAULTS[each.fault].heal(stage, each)
            time.sleep(_TICK_SECONDS)
    finally:
        _heal_all(stage, standing)
    stage.finish_aside()


def _injected(stage: Stage, planned: Planned) -> bool:
    try:
        FAULTS[planned.fault].inject(stage, planned)
    except NotNowError as reason:
        stage.note(planned, f"left out: {reason}")
        return False
    stage.struck.add(planned.number)
    return True


def _heal_all(stage: Stage, standing: list[Planned]) -> None:
    """Take back what stands, all of it, even when that fails for one: nothing may stay stopped or cut off."""
    errors: list[Exception] = []
    while standing:
        each = standing.pop(0)
        try:
            FAULTS[each.fault].heal(stage, each)
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
