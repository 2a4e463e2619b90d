"""Phone numbers in, E.164 out."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import PhoneNumber, ValidationResult

# What the library calls a Chinese mobile number. 179 is missing on purpose: it is the
# prefix of IP calls, not of a handset. Agreement is tested with the library as oracle.
_CN_MOBILE = (
    r"1(?:[38][0-9]|4[57]|[59][0-35-9]|6[25-7]|7[0-35-8])[0-9]{8}"
    r"|1(?:610[0-9]|740[0-5])[0-9]{6}"
)
_CN_INTERNATIONAL = re.compile(rf"\+86({_CN_MOBILE})").fullmatch
_CN_AT_HOME = re.compile(rf"(?:\+?86|0086)?({_CN_MOBILE})").fullmatch
_DIGITS = re.compile(r"\+?[0-9]+").fullmatch
# Spaces, dashes of every width, dots, brackets, and the invisible marks that come along
# when a number is copied from a chat or an address book.
_SEPARATORS = re.compile(
    r"[\s\-.()\[\]\u00ad\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+"
)
# "1380013800.0" is a number that went through a spreadsheet as a decimal: dropping the
# dot would make another person's number of it.
_DECIMAL = re.compile(r"\s*\+?[0-9]+\.[0-9]{1,2}\s*").fullmatch
_E164 = re.compile(r"\+[1-9][0-9]{5,14}").fullmatch
# E.164 lists of countries: no code is the beginning of another.
_COUNTRY_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


class BadPhone(ValueError):
    """Not a phone number. The message says what is wrong, never the number itself."""


def to_e164(text: str, *, region: str = "CN") -> str:
    """`"138 0013 8000"` -> `"+8613800138000"`; a number without a country code is `region`'s.

    Takes full-width digits, spaces, dashes, dots and brackets. Raises BadPhone for
    anything that is not one whole, valid number: letters, two numbers, an extension.
    """
    if _CN_INTERNATIONAL(text):
        return text
    cleaned = _clean(text)
    mobile = (_CN_AT_HOME if region == "CN" else _CN_INTERNATIONAL)(cleaned)
    return f"+86{mobile[1]}" if mobile else _by_library(cleaned, region)


def split_country(e164: str) -> tuple[str, str]:
    """`"+8613800138000"` -> `("86", "13800138000")`. Raises BadPhone if it is no E.164."""
    if _E164(e164):
        for length in (1, 2, 3):
            if e164[1 : 1 + length] in _COUNTRY_CODES:
                return e164[1 : 1 + length], e164[1 + length :]
    raise BadPhone(_("The phone number is not in international form (+86…)."))


def prefix7(e164: str) -> str:
    """The first seven digits after the country code: what ranges and routing look at."""
    return e164[3:10] if _CN_INTERNATIONAL(e164) else split_country(e164)[1][:7]


def _clean(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    if _DECIMAL(plain):
        raise BadPhone(
            _("The phone number is a decimal number: format the column as text.")
        )
    cleaned = _SEPARATORS.sub("", plain)
    if not cleaned:
        raise BadPhone(_("The phone number is empty."))
    if not _DIGITS(cleaned):
        raise BadPhone(
            _("The phone number has other characters than digits: give one number.")
        )
    return cleaned


def _by_library(cleaned: str, region: str) -> str:
    try:
        number = phonenumbers.parse(cleaned, region)
    except phonenumbers.NumberParseException as error:
        raise BadPhone(_unparsed(error)) from None
    if not phonenumbers.is_valid_number(number):
        raise BadPhone(_invalid(number))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _unparsed(error: phonenumbers.NumberParseException) -> str:
    if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
        return _("The phone number's country code does not exist.")
    if error.error_type == phonenumbers.NumberParseException.TOO_LONG:
        return _("The phone number is too long.")
    return _("The phone number is too short.")


def _invalid(number: PhoneNumber) -> str:
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason == ValidationResult.TOO_SHORT:
        return _("The phone number is too short.")
    if reason == ValidationResult.TOO_LONG:
        return _("The phone number is too long.")
    return _("No such phone number is in use: check its first digits and its length.")
