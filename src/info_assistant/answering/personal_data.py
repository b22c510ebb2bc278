"""Personal data in questions, found by form: for installations that refuse it.

Finds what is written in a usual form: e-mail addresses, telephone numbers, payment cards and bank
accounts (with their check digits), and the national numbers below. It knows no names, addresses or
dates of birth, and nothing that is spelled out in words: a filter against slips, no guarantee.
"""

import re
from collections.abc import Callable, Mapping

_SEPARATORS = re.compile(r"[\s.\-/()]+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.IGNORECASE)
# A leading + or 0 tells telephone numbers from amounts, years and paragraphs.
_PHONE = re.compile(r"(?<![\w.,/-])(?:\+|00?)[ (]?[1-9]\d{0,3}[)]?(?:[ ./()-]{0,2}\d){6,11}(?!\w)")
_US_PHONE = re.compile(r"(?<![\w-])\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}(?![\w-])")
_UK_INSURANCE = re.compile(
    r"\b(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D]\b",
    re.IGNORECASE,
)
_US_SECURITY = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
# Fewer, as in a date or a form's number, tell nothing.
_FEWEST_PHONE_DIGITS, _MOST_PHONE_DIGITS = 9, 15


def personal_data_in(text: str) -> tuple[str, ...]:
    """Return the kinds of personal data in a text, in words and without the data themselves."""
    return tuple(kind for kind, finds in _KINDS.items() if finds(text))


def _has_card(text: str) -> bool:
    return any(_luhn(_digits(found[0])) for found in _CARD.finditer(text))


def _luhn(digits: str) -> bool:
    """Whether the last digit is right (ISO/IEC 7812-1, annex B)."""
    if len(set(digits)) == 1:
        return False
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004  The sum of two digits.
    return total % 10 == 0


def _has_account(text: str) -> bool:
    return any(_iban(found[0].replace(" ", "").upper()) for found in _IBAN.finditer(text))


def _iban(account: str) -> bool:
    """Whether the check digits are right (ISO 13616, ISO 7064 mod 97-10)."""
    moved = account[4:] + account[:4]
    return int("".join(str(int(each, 36)) for each in moved)) % 97 == 1


def _has_phone(text: str) -> bool:
    if _US_PHONE.search(text):
        return True
    lengths = (len(_digits(found[0])) for found in _PHONE.finditer(text))
    return any(_FEWEST_PHONE_DIGITS <= each <= _MOST_PHONE_DIGITS for each in lengths)


def _digits(text: str) -> str:
    return _SEPARATORS.sub("", text).lstrip("+")


def _matching(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


_KINDS: Mapping[str, Callable[[str], bool]] = {
    "an e-mail address": _matching(_EMAIL),
    "a telephone number": _has_phone,
    "a payment card number": _has_card,
    "a bank account number": _has_account,
    "a national insurance number": _matching(_UK_INSURANCE),
    "a social security number": _matching(_US_SECURITY),
}
