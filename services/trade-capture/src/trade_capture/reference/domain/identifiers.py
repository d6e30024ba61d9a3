"""Identifiers and codes: each check returns why a value cannot be right, or None.

python-stdnum knows the check digits. What it leaves open is closed here: it takes an LEI of any length and check
digits that are never computed, knows no EZ prefix (ISINs of OTC derivatives), takes any two letters for a BIC's
country, cleans what should have been refused (lower case, blanks), and has no MIC.
"""

import re

from stdnum import isin, lei
from stdnum.exceptions import InvalidChecksum, InvalidComponent, ValidationError

from trade_capture import standards

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_BIC = re.compile(r"[A-Z0-9]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_CFI = re.compile(r"[A-Z]{6}")
# MOD 97-10 (ISO 7064) computes 98 less a remainder of 0 to 96: these have the right remainder and are no check digits.
_NEVER_COMPUTED = ("00", "01", "99")
# ISO 10962:2015, the groups of each category.
_CFI_GROUPS = {
    "E": "SPCFLDYM",  # equities
    "C": "IHBESFPM",  # collective investment vehicles
    "D": "BCWTSEGANDMY",  # debt instruments
    "R": "ASPWFDM",  # entitlements (rights)
    "O": "CPM",  # listed options
    "F": "FC",  # futures
    "S": "RTECFM",  # swaps
    "H": "RTECFM",  # non-listed and complex listed options
    "I": "FT",  # spot
    "J": "EFCRT",  # forwards
    "K": "RTECFYM",  # strategies
    "L": "LRS",  # financing
    "T": "CTRIBDM",  # referential instruments
    "M": "CM",  # others
}
_OTC_DERIVATIVE_PREFIX = "EZ"


def isin_fault(value: str) -> str | None:
    """Return why `value` is no ISIN (ISO 6166), or None."""
    if not _ISIN.fullmatch(value):
        return "an ISIN has 2 capital letters, 9 letters or digits and a check digit"
    if value[:2] == _OTC_DERIVATIVE_PREFIX:
        return None if isin.calc_check_digit(value[:-1]) == value[-1] else _wrong_check_digit("ISIN")
    try:
        isin.validate(value)
    except InvalidComponent:
        return f"no numbering agency issues ISINs that begin with {value[:2]}"
    except ValidationError:
        return _wrong_check_digit("ISIN")
    return None


def lei_fault(value: str) -> str | None:
    """Return why `value` is no LEI (ISO 17442), or None."""
    if not _LEI.fullmatch(value):
        return "an LEI has 18 capital letters or digits and 2 check digits"
    if value.endswith(_NEVER_COMPUTED):
        return _wrong_check_digit("LEI")
    try:
        lei.validate(value)
    except InvalidChecksum:
        return _wrong_check_digit("LEI")
    return None


def bic_fault(value: str) -> str | None:
    """Return why `value` is no BIC of 8 or 11 characters (ISO 9362), or None."""
    form = _BIC.fullmatch(value)
    if form is None:
        return "a BIC has 8 or 11 capital letters or digits, the fifth and sixth being the country's"
    if form[1] not in standards.countries():
        return f"{form[1]}, the country in this BIC, is not in ISO 3166"
    return None


def mic_fault(value: str) -> str | None:
    """Return why `value` is no market in use (ISO 10383), or None."""
    return None if value in standards.markets() else "not an active market identifier code of ISO 10383"


def currency_fault(value: str) -> str | None:
    """Return why no money can be held in `value` (ISO 4217), or None. Pence (GBX) are no currency."""
    return None if value in standards.minor_units() else "not a currency of ISO 4217 with minor units"


def country_fault(value: str) -> str | None:
    """Return why `value` is no country (ISO 3166 alpha-2), or None."""
    return None if value in standards.countries() else "not a country of ISO 3166 (alpha-2)"


def cfi_fault(value: str) -> str | None:
    """Return why `value` is no CFI code by its form, category and group (ISO 10962:2015), or None.

    The attributes that follow are any letters, X where one is not known.
    """
    if not _CFI.fullmatch(value):
        return "a CFI code has 6 capital letters"
    category, group = value[0], value[1]
    if category not in _CFI_GROUPS:
        return f"ISO 10962 has no category {category}: it has {', '.join(_CFI_GROUPS)}"
    if group not in _CFI_GROUPS[category]:
        return f"ISO 10962 has no group {group} in category {category}: it has {', '.join(_CFI_GROUPS[category])}"
    return None


def _wrong_check_digit(kind: str) -> str:
    return f"the check digit of this {kind} is wrong: look for a mistyped character"
