"""Sentences that mean nothing without the one before them."""

# ruff: noqa: E501, RUF001 - long patterns read best in few lines; lists have dashes.

import re

from info_assistant.answering.grounding.characters import folded

_LEANS = re.compile(
    r"\A[\s\"'(*•\-–]*(?:this|that|these|those|it|its|they|their|them|he|she|his|her|such|however|"
    r"therefore|thus|hence|otherwise|instead|then|also|but|and|or|so|nor|yet|still|moreover|further"
    r"(?:more)?|likewise|similarly|consequently|accordingly|in (?:that|this|such|these|those|either|"
    r"both|addition)|for (?:this|that|these|those|example|instance)|if (?:so|not|this|that|it|they)|"
    r"because of (?:this|that)|as a result|the (?:same|latter|former|above)|both|neither|either|"
    r"after (?:that|this)|before (?:that|this)|until then|except|unless|only then|to do (?:so|this)|"
    r"when (?:this|that|it|they)|once (?:this|that|it|they)|(?:first|second|third|next|finally)(?:ly)?)\b",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\A\s*(?:[-*•–]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s|\A\s*[a-z]")


def leans_on_previous(sentence: str) -> bool:
    """Whether a sentence takes up the one before it: an opening pronoun, a connector, an item."""
    plain = folded(sentence)
    return bool(_LEANS.match(plain) or _ITEM.match(plain))
