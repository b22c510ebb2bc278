"""What the stand-ins for providers write: answers made of the passages in the prompt.

A real model would understand the question; these quote the first sentences of the passages and
name them, as the prompt asks, so that a whole path can be tried without one. A follow-up is put
behind the question before it, and a sentence that is to be judged is confirmed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape

from info_assistant.drills.provider_formats import Asked

_PASSAGE = re.compile(r'<passage id="(?P<id>[^"]+)"[^>]*>\n(?P<text>.*?)\n</passage>', re.DOTALL)
_SENTENCE = re.compile(r"[A-ZÄÖÜ][^.!?\n]{15,250}[.!?](?=\s|$)")
_TURN = re.compile(r'<turn who="user">(?P<text>.*?)</turn>', re.DOTALL)
_FOLLOW_UP = re.compile(r"<question>(?P<text>.*?)</question>", re.DOTALL)
_QUOTED = 3


@dataclass(frozen=True, slots=True)
class AskedPassage:
    """A passage in a prompt, by the id under which an answer names it."""

    id: str
    text: str


def passages_in(asked: Asked) -> Sequence[AskedPassage]:
    """Return the passages that a model is given, in their order."""
    found = _PASSAGE.finditer(asked.text)
    return [AskedPassage(each["id"], unescape(each["text"])) for each in found]


def quoting(asked: Asked) -> str:
    """Return the first whole sentence of each of the best passages, each with its id."""
    asked_before, follow_up = _TURN.findall(asked.text), _FOLLOW_UP.search(asked.text)
    if asked_before and follow_up:
        return unescape(f"{asked_before[-1]} {follow_up['text']}")
    if "</sentence>" in asked.text:
        return "CONFIRMED"
    sentences = []
    for passage in passages_in(asked)[:_QUOTED]:
        found = _SENTENCE.search(passage.text)
        if found:
            sentences.append(f"{found[0][:-1]} [{passage.id}]{found[0][-1]}")
    return " ".join(sentences) or "NO_ANSWER"
