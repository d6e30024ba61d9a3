"""Others are shown settlement instructions without their account numbers."""

import pytest
from msgspec.structs import replace

from trade_capture.reference.domain.masking import masked
from trade_capture.testing import reference_data

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("US-0012345678", "*********5678"),
        ("12345678", "****5678"),
        ("1234567", "*******"),
        ("1", "*"),
    ],
)
def test_of_an_account_the_last_four_characters_are_shown_and_four_hidden(account: str, shown: str) -> None:
    (stated, *_), *_ = reference_data().settlement_instructions.values()
    said = masked(replace(stated, safekeeping_account=account, cash_account=account))
    assert said == replace(stated, safekeeping_account=shown, cash_account=shown)
