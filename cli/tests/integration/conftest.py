"""A whole embedded stack of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice_cli.stack.control import bring_down, delete_data


@pytest.fixture(scope="module")
def stack_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a state folder whose path holds a space; whatever runs on it is stopped in the end."""
    place = tmp_path_factory.mktemp("a clone") / ".backoffice"
    yield place
    bring_down(place)
    delete_data(place)
