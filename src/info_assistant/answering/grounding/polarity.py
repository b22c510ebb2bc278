"""Negation, modality and exceptions: what a text forbids, demands, advises, permits or restricts.

Each is an event: a kind, and the stems of the words that it governs (the next meaningful ones in
its clause). A sentence keeps the polarity of its quote when the events of both can be paired.
"""

# ruff: noqa: E501, ISC004 - a table of patterns, one row for each kind.

import re
from dataclasses import dataclass
from enum import StrEnum

from info_assistant.answering.grounding.lexicon import IMPERATIVES
from info_assistant.answering.grounding.words import Words


class Kind(StrEnum):
    """What an event does to the words it governs.

    The kinds whose value begins with "soft" are words that say the same less directly: they may
    stand for an event of the other text, but need no partner themselves.
    """

    NEGATED = "negated"
    BANNED = "banned"
    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    CAN = "can"
    EXEMPT = "exempt"
    ONLY = "only"
    ONLY_IF = "only if"
    EXCEPT = "except"
    SOFT_NEGATED = "soft negated"
    SOFT_MUST = "soft must"
    SOFT_SHOULD = "soft should"
    SOFT_MAY = "soft may"
    SOFT_ONLY = "soft only"
    SOFT_EXCEPT = "soft except"


MODAL = frozenset({Kind.MUST, Kind.SHOULD, Kind.MAY, Kind.CAN, Kind.EXEMPT, Kind.BANNED})


@dataclass(frozen=True, slots=True)
class Event:
    """One marker, the stems after it that it bears on, those around it, its own, and its clause.

    `verb` is the first of those it bears on, what must or may be done. `subordinate` says that words like "when" or "which" introduce it. `before` has the words in front of it in its clause, in lower case; `reason` says that it stands behind "because" or "since".
    """

    kind: Kind
    governed: frozenset[str]
    around: frozenset[str]
    own: frozenset[str]
    clause: int
    marker: str
    subordinate: bool
    verb: str
    before: frozenset[str]
    reason: bool


_NOT = r"(?:not|n't|never)"
# The order matters: what an earlier pattern takes, later ones do not see. None: means nothing here.
_PATTERNS: tuple[tuple[Kind | None, str], ...] = (
    (Kind.SOFT_ONLY, r"no (?:more|further) than|nothing (?:but|more)"),
    (
        None,
        r"(?:no|not) (?:more|less|fewer|later|earlier|longer|greater|larger|older|higher) than"
        r"|not (?:only|merely|just|simply)|whether or not|no matter|not exceed(?:ing)?"
        r"|as (?:\w+ )?as possible|as \w+ as (?:they|you|he|she|one) (?:likes?|wish(?:es)?|pleases?)|without (?:effort|difficulty|fail|doubt|friction|delay"
        r"|(?:weaken|reduc|los|compromis|harm|endanger|hurt|sacrific)ing)"
        r"|(?:can(?:no|')t|can not) wait|(?:no|any) doubt|no wonder|nobody minds|not least"
        r"|(?:never|not|n't) (?:(?:stop|cease)(?:s|ped|d)?(?= \w+ing)|(?:fail|forget)s? to)\b"
        r"|not (?:\w+ )?free(?: of charge)?(?=\W)"
        r"|(?<!\d )(?:may|might|could) (?:also |well )?(?:need|want|wish|like|require)(?! to| not)|(?:no|not|nobody|never|none)\b"
        r"[^.,;:|]{0,40}? (?:longer|more|less|fewer|later|earlier|older|further) than",
    ),
    (
        Kind.ONLY,
        r"(?:nobody|no one|none|nothing|no \w+|not \w+ \w+) (?:but|except|other than|apart from|"
        r"besides|else)|no \w+(?: \w+)? other than"
        r"|(?:nobody|no one|none|nothing)\b[^.,;:|]{0,90}? (?:other than|but|except)",
    ),
    (Kind.ONLY_IF, r"only (?:if|when|where|after|once|in case|with|for|to|by|on|in|from|through)"),
    (
        Kind.EXCEPT,
        r"with the exception of|other than|apart from|aside from|but not|except\w*|excluding"
        r"|excludes?|excluded|save for|besides|unless|if not|barring",
    ),
    (
        Kind.EXEMPT,
        rf"(?:(?:do|does|did|will|would)(?:n't| not)|never) (?:\w+ )?(?:(?:need|require)d?(?: to)?|have to)"
        rf"|need(?:n't| not)|{_NOT} (?:strictly |usually |normally |typically )?(?:be )?"
        r"(?:required|necessary|obliged|obligatory|mandatory|compulsory|needed|obligated)"
        r"|no (?:need|obligation|requirement|duty)|(?:nobody|no one|nothing|none) "
        r"(?:has to|needs to|have to|obliges|requires)|optional(?:ly)?|voluntar(?:y|ily)|exempt(?:ed|ion|ions|s)?"
        r"|without (?:\w+ ){0,3}(?:having to|needing)\b|no \w+ (?:is|are) (?:needed|required)",
    ),
    (Kind.MAY, r"(?<!\d )(?:may|might|could) (?:have|need) to|(?:may|might)(?= not be able)"),
    (
        Kind.BANNED,
        r"(?:must|shall|may|can|could)(?: |-)?(?:not|n't|never|no longer)\b|cannot"
        rf"|{_NOT} (?:always |ever |generally )?(?:be |being )?(?:allowed|permitted|possible|acceptable|authori[sz]ed|enabled)"
        rf"|prohibit\w*|forb[ia]d\w*|ban(?:ned|s)?|barred|bars|disallow\w*|unable|ineligible|off[ -]limits|out of bounds",
    ),
    (
        Kind.MUST,
        r"must|shall|(?:ha(?:s|ve|d)|having) to|(?:needs?|needed) to(?= )|required|mandatory"
        r"|obliged?|obligatory|compulsory|(?:is|are) to be",
    ),
    (
        Kind.SHOULD,
        r"should(?:n't)?|ought to|recommend(?:s|ed)?|advis(?:e|es|ed|able)|encourag(?:e|es|ed)",
    ),
    (
        Kind.MAY,
        r"(?<!\d )(?<!\d(?:st|nd|rd|th) )may(?! \d)|might|allowed|permitted|entitled|at liberty|free to"
        r"|up to (?:\w+ ){1,2}(?:whether|if|to)|as (?:they|you|he|she|one) (?:likes?|wish(?:es)?|pleases?)",
    ),
    (Kind.CAN, r"can|could|able to|possible|possibly"),
    (Kind.ONLY, r"only|solely|exclusively|alone"),
    (Kind.SOFT_NEGATED, r"rather than|instead of"),
    (
        Kind.SOFT_MUST,
        r"requires?|requirements?|mandates?|oblig\w+|necessary|demands?|critical|vital|essential"
        r"|duty|duties|due|needs?|needed|(?:make|making|makes) sure|ensur\w+|will|crucial|important"
        r"|under an obligation|forced?|rules?|strict\w*|responsib\w+|priorit\w+|expect\w*|insist\w*"
        r"|call(?:s|ed)? for|in charge|tasked|subject to|prerequisites?|conditions?|bound to|enforc\w+"
        r"|always|committed|should own|imperative",
    ),
    (
        Kind.SOFT_SHOULD,
        r"recommendations?|advice|encouraging|best practice|suggest\w*|preferabl[ye]|worth|consider"
        r"|desirable|better|best|goals?|aims?|helpful|expect\w*|want(?:s|ed)?|prefer\w*|ideal\w*|important"
        r"|strive\w*|meant|intended|supposed|useful|good (?:idea|practice)|invit\w+|tips?|guid(?:e|ance)",
    ),
    (
        Kind.SOFT_MAY,
        r"allow\w*|permit\w*|options?|eligible|enabl\w*|lets?|acceptable|authori[sz]ed|opportunity"
        r"|okay|ok|fine|potential\w*|possibility|accept\w*|choose|chance|qualif\w+|likely|sometimes"
        r"|rights?|available|would|support\w*|open to|welcome\w*|invit\w+|flexib\w+|grant(?:s|ed)?"
        r"|if (?:you|they|he|she|one|desired|needed|necessary|wanted)|\w{3,}able|\w{3,}ible",
    ),
    (
        Kind.SOFT_ONLY,
        r"just|merely|limit\w*|restrict\w*|as long as|provided|on condition|until|minimum|subset"
        r"|sole|nothing more|but|no more than",
    ),
)
_FORMS = tuple((kind, re.compile(rf"\b(?:{form})(?!\w)")) for kind, form in _PATTERNS)
_SOFT_EXCEPT = re.compile(r"\b(?:but|though|although|however|yet|minus|while|whereas)\b")
_NEGATED = re.compile(
    r"\b(?:not|no|never|neither|nor|none|nobody|nothing|no one|nowhere|without|refus\w+|den(?:y|ies"
    r"|ied|ial)|reject\w*|declin\w+|invalid|free of|unavailable|impossible|disregard\w*|ignor\w+"
    r"|withh[eo]ld\w*|for free|rarely|seldom|hardly)\b|n't\b|(?:(?<=\bis )|(?<=\bare ))free\b"
)
_SOFT_NEGATED = re.compile(
    r"\b(?:un(?!i|d|t|l)\w{4,}|non-?\w+|dis(?!c|t|p)\w{4,}|\w{3,}less|fail\w*|lack\w*"
    r"|avoid\w*|prevent\w*|stop\w*|before|exclu\w+|remov\w+|bypass\w*|abolish\w*|cancel\w*"
    r"|end(?:s|ed)|discontinu\w+|missing|absent|absence|var(?:y|ies)|differ\w*|in(?:correct|complete|"
    r"frequent|formal|equit\w+)\w*|outside|waive\w*|ceas\w+|drop\w*|lose|loses|lost|closed"
    r"|contrary|opposite|suspend\w*|against|out of \w+|whichever|whatever|regardless|irrespective|down|until|minimi[sz]\w*|reduc\w+|off|deter\w*|elsewhere"
    r"|forgo|forfeit\w*|lapse[sd]?|expire[sd]?|once|scarce\w*|short of|minus|spar(?:e|es|ed)"
    r"|refrain\w*|keep\w* from|kept from|hold\w* back|held back|skip\w*|leav\w+ out|left out"
    r"|unlikely|long ago|omit\w*|resist\w*|beyond|idle|unaware|shut|empty|automatic\w*)\b"
)
_INTRODUCING = frozenset(
    [
        "when",
        "what",
        "which",
        "who",
        "whom",
        "how",
        "where",
        "whether",
        "that",
        "if",
        "because",
        "since",
    ]
)
_GIVING_REASONS = frozenset(["because", "since"])
_MODAL_STEMS = frozenset(
    ["need", "requir", "possibl", "recommend", "allow", "permit", "enabl", "necessari"]
)
_PREFIX = re.compile(r"\A(?:non-?|un|in|im|ir|dis)(?=\w{3})")
_LOOKING_ON = ("rather than", "instead of", "without", "outside", "against", "out of")
"""They bear on what follows them, and on nothing before."""
_AFTER, _BEFORE = 3, 2


def events(text: Words) -> tuple[Event, ...]:
    """Return a text's events in the order in which they are looked for."""
    if not text.words:
        return ()
    found: list[Event] = []
    rest = text.lower
    for kind, pattern in (*_FORMS, (Kind.NEGATED, _NEGATED)):
        matches = list(pattern.finditer(rest))
        if not matches:
            continue
        if kind is not None:
            found += [_event(text, kind, match) for match in matches]
        if kind is None or not kind.startswith("soft"):
            rest = pattern.sub(lambda match: "\0" * len(match[0]), rest)
    for kind, pattern in ((Kind.SOFT_NEGATED, _SOFT_NEGATED), (Kind.SOFT_EXCEPT, _SOFT_EXCEPT)):
        found += [_event(text, kind, match) for match in pattern.finditer(rest)]
    return tuple(found)


def _event(text: Words, kind: Kind, match: re.Match[str]) -> Event:
    first = text.index_at(match.start())
    last = max(first, text.index_at(match.end() - 1))
    governed = text.near(last, after=_AFTER) - _MODAL_STEMS
    if not governed and not match[0].startswith(_LOOKING_ON):
        governed = text.near(first, before=_BEFORE) - _MODAL_STEMS
    own = frozenset(word.stem for word in text.words[first : last + 1] if word.stem)
    clause = text.words[first].clause
    before = {w.lower for w in text.words[max(0, first - 4) : first] if w.clause == clause}
    reason = any(word.lower in _GIVING_REASONS for word in text.words[1:first])
    following = (w.stem for w in text.words[last + 1 :] if w.stem and w.clause == clause)
    verb = next((stem for stem in following if stem not in _MODAL_STEMS), "")
    governed = governed if match[0].startswith(_LOOKING_ON) else governed or own
    around = governed
    if kind is Kind.SOFT_NEGATED:
        around |= {_PREFIX.sub("", word.stem) for word in text.words[first : last + 1] if word.stem}
    if not match[0].startswith(_LOOKING_ON):
        around |= text.near(first, before=_BEFORE)
    subordinate = bool(before & _INTRODUCING)
    return Event(
        kind, governed, around, own, clause, match[0], subordinate, verb, frozenset(before), reason
    )


def is_imperative(text: Words) -> bool:
    """Whether a clause of a text tells its reader what to do: "Submit the form", "Please check"."""
    opening = -1
    for word in text.words:
        if word.clause == opening:
            continue
        if word.lower in IMPERATIVES:
            return True
        # A clause may open with words like "please", "also", "then".
        if word.stem or word.lower in {"to", "the", "a", "an", "we", "it", "you", "they"}:
            opening = word.clause
    return False
