"""Everything that goes wrong, in plain words: what it means and what to do."""

from dataclasses import dataclass

from info_assistant.model.question import MAX_QUESTION_CHARACTERS


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong: a heading, what it means, and what to do.

    `later` is when trying again is worthwhile ("in a minute"), empty where that does not help.
    `quotes` lets the backend's own detail be shown, where that is written for the person who asks.
    `sign_in` offers to sign in (again); else `onward` names the way to the first page.
    """

    heading: str
    meaning: str
    remedy: str = ""
    later: str = ""
    quotes: bool = False
    sign_in: bool = False
    onward: str = "Ask a question"

    def advice(self, wait_s: float | None) -> str:
        """Return what to do, given how many seconds of waiting the service asks for."""
        if not self.later:
            return self.remedy
        when = self.later if wait_s is None else f"in {wait(wait_s)}"
        return f"Try again {when}. {self.remedy}".strip()


_SOON = "in a few minutes"

_TROUBLES = {
    "backend_unavailable": Trouble(
        "The service is not available",
        "The part that searches the documents does not respond.",
        later=_SOON,
    ),
    "shutting_down": Trouble(
        "The service is being restarted",
        "It could not finish what you asked before that.",
        later=_SOON,
    ),
    "unavailable": Trouble(
        "The service is not available",
        "A part of the service does not respond.",
        later=_SOON,
    ),
    "deadline_exceeded": Trouble(
        "The service is taking too long",
        "Nothing came back in time. It may be very busy.",
        later=_SOON,
    ),
    "vector_store_unavailable": Trouble(
        "The search is not available",
        "The documents are safe, but they cannot be searched at the moment.",
        later=_SOON,
    ),
    "embedder_unavailable": Trouble(
        "The search is not available",
        "The model that compares your question with the documents could not be loaded.",
        "Tell the people who run this service.",
    ),
    "object_storage_unavailable": Trouble(
        "The documents cannot be opened",
        "The place where documents are kept does not respond. Questions may still be answered.",
        later=_SOON,
    ),
    "ingestion_unavailable": Trouble(
        "Documents cannot be added at the moment",
        "Questions are still answered.",
        later="later",
    ),
    "generation_unavailable": Trouble(
        "Answers cannot be written at the moment",
        "No language model could answer.",
        later=_SOON,
    ),
    "cache_only_miss": Trouble(
        "Only saved answers are available",
        "There is no saved answer to this question, and new ones are not made at the moment.",
        later="later",
    ),
    "maintenance": Trouble(
        "The service is being maintained",
        "It is closed for a while and will be back.",
        later="later",
        quotes=True,
        onward="See whether it is open again",
    ),
    "overloaded": Trouble(
        "The service is very busy",
        "More people are asking than can be answered in time.",
        later="in a minute",
    ),
    "too_busy": Trouble(
        "The service is very busy",
        "More people are asking than can be answered in time.",
        later="in a minute",
    ),
    "rate_limited": Trouble(
        "Too many questions in a short time",
        "Each person can ask a limited number of questions a minute, so that all get answers.",
        later="in a minute",
    ),
    "invalid_request": Trouble(
        "This question cannot be asked as it is",
        "Something in it cannot be taken.",
        "Change the question and ask again.",
        quotes=True,
    ),
    "payload_too_large": Trouble(
        "That is too long",
        f"A question can have up to {MAX_QUESTION_CHARACTERS:,} characters.",
        "Shorten it to the point that you need to know.",
    ),
    "unauthorised": Trouble(
        "You need to sign in",
        "This service answers only people it knows.",
        "Ask the people who run this service for access.",
    ),
    "forbidden": Trouble(
        "This is not open to you",
        "The service knows who you are, but your account does not include this.",
        "If you think that you should have access, ask the people who run this service.",
    ),
    "identity_provider_unavailable": Trouble(
        "Signing in is not possible at the moment",
        "The service where you sign in does not respond. Whoever is signed in can go on.",
        later=_SOON,
        sign_in=True,
    ),
    "sign_in_unknown": Trouble(
        "This sign-in cannot be completed",
        "It was begun in another browser, was completed already, or took more than ten minutes. "
        "Nothing has been changed.",
        "Sign in again. If this comes back, allow cookies for this site.",
        sign_in=True,
    ),
    "sign_in_denied": Trouble(
        "You are not signed in",
        "Signing in was cancelled, or your organisation does not let you use this service.",
        "Sign in again, or ask the people who run this service for access.",
        sign_in=True,
    ),
    "sign_in_refused": Trouble(
        "Signing in did not work",
        "The service where you sign in did not accept this attempt. Each attempt counts once and "
        "for a short time only.",
        "Sign in again. If it happens again, tell the people who run this service.",
        sign_in=True,
    ),
    "sign_in_untrusted": Trouble(
        "Signing in did not work",
        "What came back could not be verified, so you have not been signed in. This protects you.",
        "Sign in again. If it happens again, tell the people who run this service.",
        sign_in=True,
    ),
    "sign_in_not_accepted": Trouble(
        "Signing in did not work",
        "You have signed in, but this service does not accept what it was told about you. It is "
        "set up wrongly; nothing that you did is at fault.",
        "Tell the people who run this service.",
    ),
    "sign_in_too_large": Trouble(
        "Signing in did not work",
        "Your organisation sends more about you than a browser can keep, often a very long list "
        "of groups.",
        "Tell the people who run this service.",
    ),
    "form_outdated": Trouble(
        "This page was from before you signed in",
        "To protect you, it can only be used by whoever opened it. Nothing has been asked.",
        "Send it again: it now belongs to your present session.",
    ),
    "cross_site": Trouble(
        "This question came from another website",
        "To protect you, questions are only taken from this page. Nothing has been asked.",
        "Open the question form and ask there.",
    ),
    "not_found": Trouble(
        "Page or document not found",
        "It may have been removed, or you may not have access to it.",
        "Check the address, or look for it in the list of documents.",
    ),
    "conflict": Trouble(
        "This document is not ready",
        "It is still being read, or was changed just now.",
        later="in a minute",
    ),
    "method_not_allowed": Trouble(
        "That cannot be done here",
        "This page cannot be asked for in that way.",
        "Go back to the question form.",
    ),
    "request_timeout": Trouble(
        "Your question did not arrive",
        "Only part of it was received in time.",
        "Check your connection and ask again.",
    ),
}

_BY_STATUS = {
    401: "unauthorised",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    413: "payload_too_large",
    422: "invalid_request",
    429: "rate_limited",
}

_UNKNOWN = Trouble(
    "Something went wrong",
    "This is a fault in the service, not in what you did. It has been recorded.",
    "If it happens again, tell the people who run this service.",
    later=_SOON,
)

_UNKNOWN_REFUSAL = Trouble(
    "The request was not taken",
    "The service could not make sense of it.",
    "Go back to the question form and try again.",
)


def trouble(code: str, status: int) -> Trouble:
    """Return the words for an error's code, or for its HTTP status if the code is not known."""
    found = _TROUBLES.get(code) or _TROUBLES.get(_BY_STATUS.get(status, ""))
    if found is not None:
        return found
    return _UNKNOWN if status >= 500 else _UNKNOWN_REFUSAL  # noqa: PLR2004 — HTTP's own border.


def wait(seconds: float) -> str:
    """Return a time to wait in words: 'about 2 minutes'."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"about {count} {unit}{'s' if count > 1 else ''}"
    count = max(round(seconds), 1)
    return f"{count} second{'s' if count > 1 else ''}"
