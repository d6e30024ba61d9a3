"""What data/README.md says of the shipped files is what is loaded of them."""

import pytest

from backoffice_cli.reference_data.shipped import counterparties, instruments
from backoffice_cli.stack.paths import repository_root

pytestmark = pytest.mark.unit

DATA = repository_root() / "data"


def test_it_says_how_many_instruments_are_loaded_and_of_which_listings() -> None:
    rows = instruments(DATA)
    shares = sum(row["instrument_type"] != "BOND" for row in rows)
    said = " ".join((DATA / "README.md").read_text().split())
    assert f"The demo loads {len(rows):,} instruments" in said
    assert f"which are {shares:,} of the 9,943 listings" in said


def test_parties_are_known_by_a_name_that_sanctions_lists_are_compared_with_where_there_is_one() -> None:
    names = {row["lei"]: row["name"] for row in counterparties(DATA)}
    assert names["XPSKD1VTEQPKCHBEKQ95"] == "NOMURA SECURITIES CO LTD"
    assert names["300300PO4S8DFVMPJP62"] == "上海期货交易所"  # the register has no other
