"""What pages say, in plain words: outcomes, states, forms; `troubles` has what goes wrong."""

from dataclasses import dataclass

from info_assistant.model.answer import AnswerStatus
from info_assistant.model.document import DocumentState
from info_assistant.model.question import MAX_QUESTION_CHARACTERS
from info_assistant.web.visits import Session


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer is presented: its heading, what it means, and the name of further passages."""

    heading: str
    meaning: str
    more: str
    more_note: str


_MORE = (
    "See also",
    "Other passages close to your question. The answer does not rest on them.",
)
_CLOSEST = (
    "Closest passages",
    "The nearest that the documents come to your question. They may not answer it.",
)

_OUTCOMES = {
    AnswerStatus.ANSWERED: Outcome("Answer", "", *_MORE),
    AnswerStatus.PARTIAL: Outcome(
        "Part of an answer",
        "The documents answer only part of your question. What they do not say is left out.",
        *_MORE,
    ),
    AnswerStatus.NO_EVIDENCE: Outcome(
        "Not in these documents",
        "Nothing in these documents answers your question. Other words for the same thing may "
        "help, or the document that you need may not have been added.",
        *_CLOSEST,
    ),
    AnswerStatus.NOT_SUPPORTED: Outcome(
        "No answer that the documents support",
        "A possible answer was found, but the documents do not bear it out, so it is not shown.",
        *_CLOSEST,
    ),
    AnswerStatus.CLARIFICATION: Outcome(
        "Please say more",
        "Your question can be understood in more than one way. Ask again and say which you mean.",
        *_CLOSEST,
    ),
    AnswerStatus.REFUSED_INPUT: Outcome(
        "This question was not taken",
        "The assistant only answers questions about these documents. Ask in other words, "
        "without instructions to the assistant.",
        *_CLOSEST,
    ),
    AnswerStatus.REFUSED_OUTPUT: Outcome(
        "The answer is held back",
        "An answer was found but did not pass the checks on what may be shown.",
        *_CLOSEST,
    ),
}


def outcome(status: str) -> Outcome:
    """Return the words for an answer's status; a status yet unknown is named as it is."""
    try:
        return _OUTCOMES[AnswerStatus(status)]
    except ValueError:
        return Outcome("Reply", f"The service calls the outcome “{status}”.", *_MORE)


_DEGRADED = {
    "extractive_fallback": "No language model is available, so passages are quoted instead.",
    "generation_unavailable": "No language model is available, so passages are quoted instead.",
    "llm_down": "No language model is available, so passages are quoted instead.",
    "content_filtered": "The provider of the language model stopped this answer; it is incomplete.",
    "provider_fallback": "The usual language model is not available; another one answered.",
    "cache_only": "Only saved answers are given at the moment.",
    "cache_unavailable": "Saved answers are not available, so answers may take longer.",
    "redis_unavailable": "Saved answers are not available, so answers may take longer.",
    "redis_off": "Saved answers are switched off, so answers may take longer.",
    "vector_store_unavailable": "The search is not available; this is a saved answer.",
    "object_storage_unavailable": "Documents cannot be added or changed at the moment.",
    "documents_changed_since": "Documents have changed since this answer was saved.",
    "budget_exhausted": "This month's budget for the language model is used up, so passages are "
    "quoted instead.",
    "no_rerank": "Passages could not be put in the best order.",
    "lexical_only": "The search went by words alone, so passages in other words may be missing.",
    "dense_only": "The search went by meaning alone, so passages with your exact words may be "
    "missing.",
    "deadline": "Time ran out before everything was looked through.",
}


WRITTEN = "Each sentence was checked against the passage that it names. Read it where it matters."
"""Said of answers that a language model wrote."""

PASSAGES = (
    "What fits your question best",
    "No answer could be written, but these passages were found, word for word.",
)
"""Heading and meaning of what is shown in place of an answer."""


def degraded(code: str) -> str:
    """Return what a code of the field `degraded` means for the reader."""
    return _DEGRADED.get(code) or f"Part of the service is not working as usual ({code})."


_STATES = {
    DocumentState.ACCEPTED: "Waiting to be read",
    DocumentState.READING: "Being read",
    DocumentState.INDEXING: "Being made searchable",
    DocumentState.READY: "Ready",
    DocumentState.FAILED: "Could not be read",
    DocumentState.INTERRUPTED: "Paused, goes on by itself",
    DocumentState.WITHDRAWN: "Withdrawn from answers",
}


def state(name: str) -> str:
    """Return what a document's state means."""
    try:
        return _STATES[DocumentState(name)]
    except ValueError:
        return name


def who_sees(session: Session | None) -> str:
    """Return who can read what is asked."""
    if session is None:
        return (
            "Nobody signs in here, so your questions are kept without a name. Those who run this "
            "service can read them."
        )
    keeper = f"this service for {session.organisation}" if session.organisation else "this service"
    return (
        f"Your questions and their answers are kept with your name. Those who run {keeper} can "
        "read them; other readers cannot."
    )


_KEY_REFUSALS = {
    "api_key_revoked": "This API key has been withdrawn. Ask for a new one",
    "token_expired": "This API key has expired. Ask for a new one",
}

EMPTY_KEY = "Enter your API key"
"""Said when the form for signing in comes without one."""

UNUSABLE_KEY = "This is not an API key. Copy the whole key, without line breaks"
"""Said when what was typed cannot be a key."""

OUTDATED_KEY_FORM = "The form was open too long, or cookies are blocked. Enter your API key again"
"""Said when the form does not belong to this browser any more."""


def key_refusal(code: str) -> str:
    """Return why an API key does not let its holder in, given the code of the refusal."""
    return _KEY_REFUSALS.get(code, "This API key is not known here. Check that it is complete")


EMPTY_QUESTION = "Enter a question"
"""Said when the form comes without one."""

LONG_QUESTION = f"Your question must be {MAX_QUESTION_CHARACTERS:,} characters or fewer"
"""Said when the form comes with too much."""
