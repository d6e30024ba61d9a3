"""Runs a simulator that serves until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, CliApp

from backoffice_chassis.memory import spare_collections
from backoffice_chassis.settings import KafkaSettings
from backoffice_events.brokers import Brokers


class _Switches(Protocol):
    @property
    def rates(self) -> Any:
        """The rates, checked together. Raises ValueError."""


S = TypeVar("S", bound=_Switches)
Serve = Callable[[S, Brokers, asyncio.Event], Awaitable[None]]


def run(settings_type: type[BaseSettings] | type[S], serve: Serve[S]) -> None:
    """Serve until SIGTERM, by the command line's settings and the environment's brokers. Exit code 2: wrong ones."""
    try:
        settings: Any = CliApp.run(settings_type)
        brokers = KafkaSettings().brokers
        settings.rates  # noqa: B018 - checked before anything starts
    except (ValidationError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    spare_collections()
    asyncio.run(_until_told(settings, brokers, serve))


async def _until_told(settings: S, brokers: Brokers, serve: Serve[S]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, brokers, stop)
