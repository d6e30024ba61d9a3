"""A place for stacks that chaos runs build, end and leave behind."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from backoffice_cli.chaos.shape import bad_weather
from backoffice_cli.chaos.stacks import CSD, Stacks
from backoffice_cli.flow import Switches


@contextmanager
def temporary_stacks(brokers: int, csd: Switches = CSD) -> Iterator[Stacks]:
    folder = Path(tempfile.mkdtemp(prefix="backoffice-chaos-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    stacks = Stacks(folder, print, bad_weather(brokers=brokers), csd)
    try:
        yield stacks
    finally:
        stacks.stop()
        stacks.delete()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_stacks() -> Callable[[int], AbstractContextManager[Stacks]]:
    """Return what makes stacks of so many brokers on which every fault can strike; what they leave is removed."""
    return temporary_stacks


@pytest.fixture(scope="session")
def stacks() -> Iterator[Stacks]:
    """Return stacks of one broker, for one seed after the other.

    Its CSD cancels what it is asked to: whether a trade is amended before its instruction leaves or after it, which a
    disturbance decides, must not decide which of the two settles.
    """
    with temporary_stacks(1, {**CSD, "cancellation-denied": Decimal(0)}) as stacks:
        yield stacks
