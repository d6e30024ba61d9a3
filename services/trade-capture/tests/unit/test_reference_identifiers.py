"""What counts as an ISIN, LEI, BIC, MIC, currency: check digits, forms and lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_capture.reference.domain import identifiers

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("isin", ["US0378331005", "XS0213101073", "EU000A1G0AB4", "EZ0000000003"])
def test_isins_with_the_right_check_digit_pass(isin: str) -> None:
    assert identifiers.isin_fault(isin) is None


@pytest.mark.parametrize(
    ("isin", "reason"),
    [
        ("US0378331004", "check digit"),
        ("EZ0000000004", "check digit"),
        ("us0378331005", "capital letters"),
        ("US 0378331005", "capital letters"),
        ("US037833100", "capital letters"),
        ("QQ0378331005", "begin with QQ"),
        ("", "capital letters"),
        ("US037833100\N{ARABIC-INDIC DIGIT FIVE}", "capital letters"),
    ],
)
def test_other_isins_are_refused_with_the_reason(isin: str, reason: str) -> None:
    assert reason in (identifiers.isin_fault(isin) or "")


@given(st.integers(0, 11), st.sampled_from("0123456789"))
def test_one_mistyped_digit_of_an_isin_is_noticed(position: int, digit: str) -> None:
    good = "US0378331005"
    mistyped = good[:position] + digit + good[position + 1 :]
    assert (identifiers.isin_fault(mistyped) is None) == (mistyped == good)


def test_an_lei_is_checked_for_length_as_well_as_for_check_digits() -> None:
    assert identifiers.lei_fault("549300HBJLRO8YFMI370") is None
    assert "18 capital letters" in (identifiers.lei_fault("01") or "")
    assert "check digit" in (identifiers.lei_fault("549300HBJLRO8YFMI371") or "")
    assert "18 capital letters" in (identifiers.lei_fault("549300hbjlro8yfmi370") or "")


def test_a_bic_names_a_real_country() -> None:
    assert identifiers.bic_fault("DTCYUS33") is None
    assert identifiers.bic_fault("DTCYUS33XXX") is None
    assert identifiers.bic_fault("NCBVXKPR") is None
    assert "ISO 3166" in (identifiers.bic_fault("DTCYQQ33") or "")
    assert "8 or 11" in (identifiers.bic_fault("DTCYUS33XX") or "")


def test_expired_and_unknown_markets_are_refused() -> None:
    assert identifiers.mic_fault("XNAS") is None
    assert identifiers.mic_fault("ICAP") is not None
    assert identifiers.mic_fault("QQQQ") is not None


def test_pence_metals_and_withdrawn_currencies_are_no_currency() -> None:
    assert identifiers.currency_fault("GBP") is None
    assert [code for code in ("GBX", "XAU", "HRK", "usd") if identifiers.currency_fault(code) is None] == []


def test_a_cfi_code_has_six_letters() -> None:
    assert identifiers.cfi_fault("ESXXXX") is None
    assert identifiers.cfi_fault("ES") is not None
