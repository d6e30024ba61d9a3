"""A trade's accounts travel encrypted from trade-capture to settlement, and arrive as they were."""

import pytest
import settlement_samples as a
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json
from msgspec.structs import replace

from backoffice_chassis.key_text import new_key_ring
from backoffice_chassis.secrecy.errors import UnreadableError
from backoffice_chassis.secrecy.transit import EventKeys, opened, sealed
from backoffice_events.contracts.trading import TradeCaptured

pytestmark = pytest.mark.unit

KEYS = EventKeys(new_key_ring())
ACCOUNT = st.text(max_size=140, alphabet=st.characters(exclude_categories=["Cs"]))


@given(ACCOUNT, ACCOUNT, ACCOUNT)
def test_whatever_the_accounts_are_they_arrive(ours: str, cash: str, theirs: str) -> None:
    parties = replace(a.PARTIES, safekeeping_account=ours, cash_account=cash, counterparty_account=theirs)
    said = a.captured(a.trade(settlement_parties=parties))
    heard = json.decode(json.encode(sealed(said, KEYS)), type=TradeCaptured)
    assert opened(heard, KEYS) == said.trade


def test_an_event_says_nothing_of_them() -> None:
    said = json.encode(sealed(a.captured(a.trade()), KEYS))
    parties = a.PARTIES
    for account in (parties.safekeeping_account, parties.cash_account, parties.counterparty_account):
        assert account.encode() not in said


def test_what_came_in_clear_is_taken_as_it_is() -> None:
    said = a.captured(a.trade())
    assert sealed(said, None) is said
    assert opened(said, None) is opened(said, KEYS) is said.trade


def test_accounts_of_another_version_of_the_trade_do_not_open() -> None:
    first = a.trade()
    second = sealed(a.captured(replace(first, version=2)), KEYS)
    forged = replace(sealed(a.captured(first), KEYS), sealed_accounts=second.sealed_accounts)
    with pytest.raises(UnreadableError, match="does not open"):
        opened(forged, KEYS)
