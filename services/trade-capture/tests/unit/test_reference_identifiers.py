"""What counts as an ISIN, LEI, BIC, MIC, currency: check digits, forms and lists."""

from string import ascii_uppercase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import numdb
from stdnum.iso7064 import mod_97_10

from trade_capture.reference.domain import identifiers

pytestmark = pytest.mark.unit

CFI = numdb.get("cfi")


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


BASES = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=18, max_size=18)


@given(BASES, st.integers(0, 99))
def test_of_all_check_digits_an_lei_has_the_ones_that_are_computed(base: str, digits: int) -> None:
    lei = f"{base}{digits:02}"
    assert (identifiers.lei_fault(lei) is None) == (lei == base + mod_97_10.calc_check_digits(base))


@pytest.mark.parametrize("lei", ["54930000000000003300", "54930000000000006501", "54930000000000000099"])
def test_check_digits_that_are_never_computed_are_wrong(lei: str) -> None:
    assert mod_97_10.is_valid(lei)
    assert "check digit" in (identifiers.lei_fault(lei) or "")


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


def test_a_cfi_code_has_a_category_and_a_group_of_the_standard() -> None:
    assert "no group Q in category E" in (identifiers.cfi_fault("EQQQQQ") or "")
    assert "no group X in category E" in (identifiers.cfi_fault("EXXXXX") or "")
    assert "no category Q" in (identifiers.cfi_fault("QSVUFR") or "")


def test_categories_and_groups_are_those_that_stdnum_lists() -> None:
    codes = [f"{category}{group}XXXX" for category in ascii_uppercase for group in ascii_uppercase]
    listed = {code for code in codes if any("group" in found for _, found in CFI.info(code))}
    assert {code for code in codes if identifiers.cfi_fault(code) is None} == listed
