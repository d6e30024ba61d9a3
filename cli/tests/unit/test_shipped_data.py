"""What data/README.md says of the shipped files is what is loaded of them."""

import pytest

from backoffice_cli.reference_data.shipped import instruments
from backoffice_cli.stack.paths import repository_root

pytestmark = pytest.mark.unit

DATA = repository_root() / "data"


def test_it_says_how_many_instruments_are_loaded_and_of_which_listings() -> None:
    rows = instruments(DATA)
    shares = sum(row["instrument_type"] != "BOND" for row in rows)
    said = " ".join((DATA / "README.md").read_text().split())
    assert f"The demo loads {len(rows):,} instruments" in said
    assert f"which are {shares:,} of the 9,943 listings" in said
