"""Named places at which a process kills itself, as power failure would, on the n-th time it comes by."""

import functools
import inspect
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backoffice_cli.chaos.sabotage.patching import Target

FIRED: Final = "fired"
_MESSAGING: Final = "backoffice_events.messaging"


def _always(*_: Any) -> bool:
    return True


def _has_worked(consumer: Any, *_: Any) -> bool:
    """Tell whether a consumer that loses its partitions had any: at its start it has none yet."""
    return bool(consumer._positions)


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """A place: before or after a call. counts: which calls count, by their arguments."""

    target: Target
    after: bool = False
    counts: Callable[..., bool] = _always


CRASH_POINTS: Final[dict[str, CrashPoint]] = {
    # after the transaction has committed, before its events are published
    "outbox-read": CrashPoint(Target("backoffice_events.kafka:KafkaSender.send")),
    # after the broker has acknowledged, before the outbox rows are deleted
    "relay-sent": CrashPoint(Target(f"{_MESSAGING}.relay:Relay._delete")),
    # after the outbox rows are deleted
    "relay-deleted": CrashPoint(Target(f"{_MESSAGING}.relay:Relay._delete"), after=True),
    # after the inbox has been entered, before the handler has run
    "inbox-taken": CrashPoint(Target(f"{_MESSAGING}.inbox:take"), after=True),
    # in the middle of a batch: the handler has written, nothing is committed
    "handler-done": CrashPoint(Target(f"{_MESSAGING}.application:_handle"), after=True),
    # the outbox is written too, and still nothing is committed
    "before-commit": CrashPoint(Target(f"{_MESSAGING}.unit:Transactions.flush"), after=True),
    # after the batch has taken effect, before its offsets are committed
    "applied": CrashPoint(Target(f"{_MESSAGING}.consumer:Consumer._commit")),
    "offsets-committed": CrashPoint(Target(f"{_MESSAGING}.consumer:Consumer._commit"), after=True),
    # inside a rebalance, before and after the batch in hand is finished
    "revoking": CrashPoint(Target(f"{_MESSAGING}.consumer:Consumer.revoked"), counts=_has_worked),
    "assigned": CrashPoint(Target(f"{_MESSAGING}.consumer:Consumer.assigned")),
}


def install(name: str, number: int, once: Path | None) -> None:
    """Have the process kill itself at this point's `number`-th call.

    once: a file that says afterwards that it happened. While it is there nothing happens, so that the process that is
    started again lives, and whoever writes it disarms the point.
    """
    if once is not None and once.exists():
        return
    point = CRASH_POINTS[name]
    countdown = _Countdown(number, once)
    point.target.replace(lambda original: _replacement(original, point, countdown))


class _Countdown:
    """Counts calls and kills the process at the last."""

    def __init__(self, number: int, once: Path | None) -> None:
        self._left = number
        self._once = once

    def pass_by(self) -> None:
        self._left -= 1
        if self._left == 0 and not (self._once is not None and self._once.exists()):
            if self._once is not None:
                self._once.write_text(FIRED)
            os.kill(os.getpid(), signal.SIGKILL)


def _replacement(original: Any, point: CrashPoint, countdown: _Countdown) -> Any:
    """Return a coroutine function, or a plain one, like the original."""
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def awaited(*args: Any, **named: Any) -> Any:
            counted = point.counts(*args)
            if counted and not point.after:
                countdown.pass_by()
            result = await original(*args, **named)
            if counted and point.after:
                countdown.pass_by()
            return result

        return awaited

    @functools.wraps(original)
    def called(*args: Any, **named: Any) -> Any:
        counted = point.counts(*args)
        if counted and not point.after:
            countdown.pass_by()
        result = original(*args, **named)
        if counted and point.after:
            countdown.pass_by()
        return result

    return called
