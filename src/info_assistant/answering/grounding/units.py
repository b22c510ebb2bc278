"""The number words and units that quantities are read with: plain tables."""

from collections.abc import Mapping
from decimal import Decimal

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NTHS = "second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"

SMALL: Mapping[str, int] = {
    **{word: at for at, word in enumerate(_ONES.split())},
    **{word: 10 * at for at, word in enumerate(_TENS.split(), 2)},
}
SCALES: Mapping[str, int] = {
    "hundred": 100,
    "thousand": 1000,
    "k": 1000,
    "m": 10**6,
    "million": 10**6,
    "bn": 10**9,
    "billion": 10**9,
    "trillion": 10**12,
}
OTHER_NUMBERS: Mapping[str, Decimal] = {
    "dozen": Decimal(12),
    "both": Decimal(2),
    "couple": Decimal(2),
    "twice": Decimal(2),
    "two-factor": Decimal(2),
    "half": Decimal("0.5"),
}
ORDINALS: Mapping[str, int] = {word: at for at, word in enumerate(_NTHS.split(), 2)}

_SECONDS = {
    "second": 1,
    "sec": 1,
    "minute": 60,
    "min": 60,
    "hour": 3600,
    "hr": 3600,
    "day": 86400,
    "week": 604800,
    "fortnight": 1209600,
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12, "yr": 12, "annum": 12, "decade": 120}
_PHYSICAL: Mapping[str, tuple[str, str]] = {
    "byte": ("byte", "1"),
    "kb": ("byte", "1000"),
    "mb": ("byte", "1000000"),
    "gb": ("byte", "1000000000"),
    "tb": ("byte", "1000000000000"),
    "bit": ("bit", "1"),
    "kilobyte": ("byte", "1000"),
    "megabyte": ("byte", "1000000"),
    "gigabyte": ("byte", "1000000000"),
    "terabyte": ("byte", "1000000000000"),
    "mm": ("metre", "0.001"),
    "cm": ("metre", "0.01"),
    "metre": ("metre", "1"),
    "meter": ("metre", "1"),
    "km": ("metre", "1000"),
    "kilometre": ("metre", "1000"),
    "kilometer": ("metre", "1000"),
    "mile": ("mile", "1"),
    "foot": ("foot", "1"),
    "inch": ("inch", "1"),
    "yard": ("yard", "1"),
    "acre": ("acre", "1"),
    "hectare": ("hectare", "1"),
    "kg": ("gram", "1000"),
    "kilogram": ("gram", "1000"),
    "gram": ("gram", "1"),
    "tonne": ("gram", "1000000"),
    "ton": ("ton", "1"),
    "litre": ("litre", "1"),
    "liter": ("litre", "1"),
    "degree": ("degree", "1"),
    "watt": ("watt", "1"),
    "kilowatt": ("watt", "1000"),
    "kwh": ("kwh", "1"),
    "cent": ("¢", "1"),
    "pence": ("pence", "1"),
    "pound": ("£", "1"),
    "dollar": ("$", "1"),
    "euro": ("€", "1"),
    "yen": ("¥", "1"),
    "usd": ("$", "1"),
    "eur": ("€", "1"),
    "gbp": ("£", "1"),
    "percent": ("%", "1"),
    "percentage": ("%", "1"),
}
UNITS: Mapping[str, tuple[str, Decimal]] = {
    **{unit: ("time", Decimal(seconds)) for unit, seconds in _SECONDS.items()},
    **{unit: ("months", Decimal(months)) for unit, months in _MONTHS.items()},
    **{unit: (dimension, Decimal(factor)) for unit, (dimension, factor) in _PHYSICAL.items()},
}
COUNTED = frozenset(
    [
        "page",
        "word",
        "character",
        "digit",
        "letter",
        "point",
        "copy",
        "item",
        "person",
        "child",
        "adult",
        "night",
        "visit",
        "time",
        "question",
        "document",
        "application",
        "quote",
        "offer",
        "round",
        "part",
        "user",
        "account",
        "device",
        "step",
        "stream",
        "language",
        "town",
        "region",
        "session",
        "meeting",
        "instalment",
        "receipt",
    ]
)
"""Things that are counted: "60 pages" is not "60 points"."""

_SINGULAR = {
    "feet": "foot",
    "inches": "inch",
    "copies": "copy",
    "children": "child",
    "people": "person",
    "employees": "person",
    "members": "person",
    "staff": "person",
    "persons": "person",
    "users": "person",
    "workers": "person",
}
RATES: Mapping[str, str] = {
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "fortnightly": "fortnight",
    "monthly": "month",
    "quarterly": "quarter",
    "annually": "year",
    "yearly": "year",
    "annual": "year",
}


def singular(word: str) -> str:
    """Return a unit's or noun's singular, by the endings that units have."""
    lower = word.lower()
    if lower in _SINGULAR:
        return _SINGULAR[lower]
    return lower[:-1] if lower.endswith("s") and not lower.endswith("ss") else lower
