"""What pages say, in plain words: outcomes, states, forms; `troubles` has what goes wrong."""

from dataclasses import dataclass

from info_assistant.model.answer import AnswerStatus
from info_assistant.model.document import DocumentState
from info_assistant.model.question import MAX_QUESTION_CHARACTERS
from info_assistant.web.languages import N_, Phrase
from info_assistant.web.visits import Session


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer is presented: its heading, what it means, and the name of further passages."""

    heading: str
    meaning: str | Phrase
    more: str
    more_note: str


_MORE = (
    N_("See also"),
    N_("Other passages close to your question. The answer does not rest on them."),
)
_CLOSEST = (
    N_("Closest passages"),
    N_("The nearest that the documents come to your question. They may not answer it."),
)

_OUTCOMES = {
    AnswerStatus.ANSWERED: Outcome(N_("Answer"), "", *_MORE),
    AnswerStatus.PARTIAL: Outcome(
        N_("Part of an answer"),
        N_("The documents answer only part of your question. What they do not say is left out."),
        *_MORE,
    ),
    AnswerStatus.NO_EVIDENCE: Outcome(
        N_("Not in these documents"),
        N_(
            "Nothing in these documents answers your question. Other words for the same thing may "
            "help, or the document that you need may not have been added."
        ),
        *_CLOSEST,
    ),
    AnswerStatus.NOT_SUPPORTED: Outcome(
        N_("No answer that the documents support"),
        N_(
            "A possible answer was found, but the documents do not bear it out, so it is not shown."
        ),
        *_CLOSEST,
    ),
    AnswerStatus.CLARIFICATION: Outcome(
        N_("Please say more"),
        N_(
            "Your question can be understood in more than one way. Ask again and say which "
            "you mean."
        ),
        *_CLOSEST,
    ),
    AnswerStatus.REFUSED_INPUT: Outcome(
        N_("This question was not taken"),
        N_(
            "The assistant only answers questions about these documents. Ask in other words, "
            "without instructions to the assistant."
        ),
        *_CLOSEST,
    ),
    AnswerStatus.REFUSED_OUTPUT: Outcome(
        N_("The answer is held back"),
        N_("An answer was found but did not pass the checks on what may be shown."),
        *_CLOSEST,
    ),
}


def outcome(status: str) -> Outcome:
    """Return the words for an answer's status; a status yet unknown is named as it is."""
    try:
        return _OUTCOMES[AnswerStatus(status)]
    except ValueError:
        said = Phrase(N_("The service calls the outcome “%(status)s”."), {"status": status})
        return Outcome(N_("Reply"), said, *_MORE)


_DEGRADED = {
    "generation_unavailable": N_("No language model is available, so passages are quoted instead."),
    "content_filtered": N_(
        "The provider of the language model stopped this answer; it is incomplete."
    ),
    "provider_fallback": N_("The usual language model is not available; another one answered."),
    "vector_store_unavailable": N_("The search is not available; this is a saved answer."),
    "object_storage_unavailable": N_("Documents cannot be added or changed at the moment."),
    "documents_changed_since": N_("Documents have changed since this answer was saved."),
    "budget_exhausted": N_(
        "This month's budget for the language model is used up, so passages are quoted instead."
    ),
}


_STAGES = {
    "generate": N_("Writing the answer and checking each sentence…"),
}


def stage(name: str) -> str:
    """Return what is being done for an answer at this stage."""
    return _STAGES.get(name, N_("Searching the documents…"))


PASSAGES = (
    N_("What fits your question best"),
    N_("No answer could be written, but these passages were found, word for word."),
)
"""Heading and meaning of what is shown in place of an answer."""


def degraded(code: str) -> str | Phrase:
    """Return what a code of the field `degraded` means for the reader."""
    return _DEGRADED.get(code) or Phrase(
        N_("Part of the service is not working as usual (%(code)s)."), {"code": code}
    )


STATES = {
    DocumentState.ACCEPTED: N_("Waiting to be read"),
    DocumentState.READING: N_("Being read"),
    DocumentState.INDEXING: N_("Being made searchable"),
    DocumentState.READY: N_("Ready"),
    DocumentState.FAILED: N_("Could not be read"),
    DocumentState.INTERRUPTED: N_("Paused, goes on by itself"),
    DocumentState.WITHDRAWN: N_("Withdrawn from answers"),
}
"""What the states of documents mean."""


def state(name: str) -> str:
    """Return what a document's state means."""
    try:
        return STATES[DocumentState(name)]
    except ValueError:
        return name


_PROGRESS = {
    "passages": N_("%(done)s of %(total)s passages"),
    "pages": N_("%(done)s of %(total)s pages"),
}


def progress(done: int, total: int, unit: str) -> Phrase:
    """Return how much of the present stage is done."""
    said = _PROGRESS.get(unit, N_("%(done)s of %(total)s"))
    return Phrase(said, {"done": done, "total": total})


_SHORTFALLS = {
    "not_found": N_("not found: %(count)s"),
    "not_supported": N_("no answer that the documents support: %(count)s"),
    "partly": N_("answered in part: %(count)s"),
    "refused": N_("refused: %(count)s"),
    "marked_wrong": N_("called wrong by a reader: %(count)s"),
}


def shortfall(name: str, count: int) -> Phrase:
    """Return what questions did not get, and how often."""
    said = _SHORTFALLS.get(name, N_("without a good answer: %(count)s"))
    return Phrase(said, {"count": count})


def who_sees(session: Session | None) -> str | Phrase:
    """Return who can read what is asked."""
    if session is None:
        return N_(
            "Nobody signs in here, so your questions are kept without a name. Those who run this "
            "service can read them, and whoever opens its pages sees those that found no good "
            "answer."
        )
    if session.organisation:
        return Phrase(
            N_(
                "Your questions and their answers are kept with your name. Those who run this "
                "service for %(organisation)s can read them. Those who look after its documents "
                "see questions that found no good answer, without your name. Nobody else is told "
                "who asked."
            ),
            {"organisation": session.organisation},
        )
    return N_(
        "Your questions and their answers are kept with your name. Those who run this service can "
        "read them. Those who look after its documents see questions that found no good answer, "
        "without your name. Nobody else is told who asked."
    )


_KEY_REFUSALS = {
    "api_key_revoked": N_("This API key has been withdrawn. Ask for a new one"),
    "token_expired": N_("This API key has expired. Ask for a new one"),
}

EMPTY_KEY = N_("Enter your API key")
"""Said when the form for signing in comes without one."""

UNUSABLE_KEY = N_("This is not an API key. Copy the whole key, without line breaks")
"""Said when what was typed cannot be a key."""

OUTDATED_KEY_FORM = N_(
    "The form was open too long, or cookies are blocked. Enter your API key again"
)
"""Said when the form does not belong to this browser any more."""


def key_refusal(code: str) -> str:
    """Return why an API key does not let its holder in, given the code of the refusal."""
    unknown = N_("This API key is not known here. Check that it is complete")
    return _KEY_REFUSALS.get(code, unknown)


EMPTY_QUESTION = N_("Enter a question")
"""Said when the form comes without one."""

LONG_QUESTION = Phrase(
    N_("Your question must be %(limit)s characters or fewer"), {"limit": MAX_QUESTION_CHARACTERS}
)
"""Said when the form comes with too much."""

FROM_THE_BACKEND = (
    N_(
        "Parts of this answer rested on documents that are gone or that you may not see any more. "
        "They are left out."
    ),
    N_(
        "What was asked before in this conversation could not be looked up, so this question was "
        "answered by itself."
    ),
    N_(
        "The sources of this answer differ on a point that it speaks to. What each of them says is "
        "shown side by side."
    ),
    N_("This question could not be added to its conversation; the next one will not know it."),
)
"""Sentences of the backend that are shown as they come, and so are in the catalogues."""
