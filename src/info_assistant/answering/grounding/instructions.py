"""Text in a document that gives orders to a model instead of telling readers something.

Such text is no evidence, whatever a sentence makes of it, and what stands right after it in the
same passage is not trusted either.
"""

# ruff: noqa: E501 - long patterns read best in few lines.

import re

_MODEL = (
    r"(?:ai|a\.i\.|gpt|llms?|chat\s?bots?|bots?|assistants?|(?:language |ai )?models?|machines?|"
    r"automated readers?|answering systems?|agents?)"
)
_ADDRESSED = re.compile(
    rf"\b(?:(?:note|instructions?|message|attention|dear|hey|hello|hidden|important|directive|prompt|"
    rf"any|if you are an?|as an?|you are (?:now )?an?|for|to)\W+(?:\w+\W+){{0,3}}?{_MODEL}\b"
    rf"|{_MODEL}\s*(?:,|:|directive|instructions?|must|should|shall)\b)"
    r"|\bsystem\s*:|<\s*/?\s*(?:system|instructions?|prompt|assistant|user)\b|\[/?inst\]|\bdeveloper mode"
    r"|\bprompt\s*:|###\s*(?:instruction|system)|\bautomated readers?\b|\bnew rules?\s*:",
    re.IGNORECASE,
)
_OVERRIDES = re.compile(
    r"\b(?:ignor\w+|disregard\w*|forget\w*|overrid\w+|bypass\w*|do not follow|stop following|skip)\b"
    r"(?:\W+\w+){0,4}?\W+(?:(?:previous|prior|earlier|above|other|preceding|your|system|safety|all|"
    r"any|the)\W+){0,3}(?:instructions?|prompts?|rules?|guidelines?|context|sources?|directives?|"
    r"everything|passages?|task|training|text|page|documents?|notes?|facts?|by-?laws?|polic(?:y|ies)|paragraphs?)\b",
    re.IGNORECASE,
)
_DICTATES = re.compile(
    r"\b(?:(?:say|state|claim|confirm|answer|respond|reply|report|write|output|print|repeat|tell|"
    r"inform|advise|recommend|present|conclude|add|act|rank)\b(?:\W+\w+){0,4}?\W+(?:that|only|with|"
    r"exactly|after me|to|as if|as the|the (?:user|reader|sentence|words|following)|this|in))\b"
    r"|\bsay:|\b(?:your|the) (?:new|next|real|only) (?:instructions?|task|answer|role|goal)\b"
    r"|\bsystem prompt\b|\bfrom now on\b|\bact as\b|\bwhen (?:asked|summari[sz]ing|answering)\b"
    r"|\byour task has changed\b|\bdo not (?:mention|reveal|cite|tell)\b|\bnot cite\b|\bthe user\b"
    r"|\btell (?:the |them|people|users|readers|everyone)|\bjailbreak\w*\b|\bas if\b",
    re.IGNORECASE,
)
_VOCATIVE = re.compile(
    rf"(?:\A|[.!?\n]\s*)\W*(?:(?:dear|hey|hello|attention|ok)\W+)?(?:(?:ai|language|large language)\W+)?{_MODEL}\s*[,:]"
    rf"|\b{_MODEL}\s+(?:directive|instructions?|prompt|note|override)s?\s*:"
    rf"|\b(?:notes?|instructions?|messages?|attention|prompts?|directives?|orders?)\s*(?:to|for|:)\s*(?:\w+\W+){{0,3}}?{_MODEL}\b"
    r"|(?:\A|\n)\W*(?:system|prompt|assistant|new rule|new task)\s*:|\bif you are an? (?:\w+ ){0,2}?(?:model|ai|assistant|bot|llm|agent)\b"
    r"|\byou are now an?\b",
    re.IGNORECASE,
)
"""Statements that speak to a model: prose for people has no reason to."""
_TAINTS = 2


def is_instruction(text: str) -> bool:
    """Whether a statement orders a model about: addresses one and dictates, or overrides rules."""
    if _STRONG.search(text) or _VOCATIVE.search(text):
        return True
    marks = (bool(form.search(text)) for form in (_ADDRESSED, _OVERRIDES, _DICTATES))
    return sum(marks) > 1


_STRONG = re.compile(
    r"\b(?:ignore|disregard|forget|override)\s+(?:all\s+|any\s+|your\s+|the\s+|everything\s+)*"
    r"(?:previous|prior|earlier|above|preceding|other|system|safety|you were told)|\[/?inst\]|<\s*/?system"
    r"|\bsystem prompt\b|\brepeat after me\b|\bdeveloper mode\b|\byour (?:new )?(?:instructions|task) "
    r"(?:are|is|has)\b|\bfrom now on\W+(?:you|act|answer|ignore|respond|reply|say|state|tell|write)|\bact as (?:if|an?)\b"
    r"|\bwhen (?:asked|summari[sz]ing|answering)\b[^.]{0,60}\b(?:state|say|answer|reply|respond|tell)\b"
    r"|\balways (?:reply|answer|respond)\b|\bnot cite any\b|\binstead tell\b|\bignore the context\b"
    r"|\boverride your\b|\bas if the (?:earlier|previous|other)",
    re.IGNORECASE,
)


_TO_A_MODEL = re.compile(
    r"\b(?:tell|ask|remind|instruct|urge|advise) (?:the |every |each )?(?:user|reader|caller|asker)s? to\b"
    r"[^.]{0,40}\b(?:password|pin|card|link|bank|account|money|call|e-?mail|visit|click)\b"
    r"|\b(?:reply|respond|answer) (?:to )?(?:(?:all|any|every|the) )?(?:further|next|future|later)\b[^.]{0,40}\bquestions?\b"
    r"|\b(?:answer|reply|respond) with (?:the word|only|nothing|exactly|yes|no)\b|\boutput (?:the|your|all|only|nothing)\b"
    r"|\b(?:your|hidden|secret) (?:prompt|context|instructions?|training data)\b|\bconversation (?:so far|history)\b"
    r"|\b(?:leave|leaving) out (?:all |any |the )?(?:citations?|sources?)\b|\bwhatever (?:you|the assistant) (?:was|were) told\b"
    r"|\byou (?:were|are) (?:told|given|instructed)\b[^.]{0,30}\b(?:before|earlier|above|previously)\b|\bas an ai\b|\blanguage model\b"
    r"|\b(?:rules?|instructions?) (?:that )?you (?:were|are|have been) given\b|\bdo not answer the question\b",
    re.IGNORECASE,
)
"""What no answer has a reason to say, though a document for people may: orders to whoever answers."""


def orders_a_model(text: str) -> bool:
    """Whether a sentence that a model wrote passes an order on instead of telling something."""
    return is_instruction(text) or bool(_TO_A_MODEL.search(text))


def tainted(statements: list[str]) -> list[bool]:
    """Tell for each statement of a passage whether it, or one of the two before, is an order."""
    orders = [is_instruction(text) for text in statements]
    return [any(orders[max(0, at - _TAINTS) : at + 1]) for at in range(len(orders))]
