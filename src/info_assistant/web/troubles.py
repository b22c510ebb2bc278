"""Everything that goes wrong, in plain words: what it means and what to do."""

from dataclasses import dataclass

from info_assistant.model.question import MAX_QUESTION_CHARACTERS
from info_assistant.web.languages import N_, Language, Phrase


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong: a heading, what it means, and what to do.

    `later` says when trying again is worthwhile, empty where that does not help.
    `quotes` lets the backend's own detail be shown, where that is written for the person who asks.
    `sign_in` offers to sign in (again); else `onward` names the way to the first page.
    """

    heading: str
    meaning: str
    remedy: str | Phrase = ""
    later: str = ""
    quotes: bool = False
    sign_in: bool = False
    onward: str = N_("Ask a question")

    def advice(self, language: Language, wait_s: float | None) -> str:
        """Return what to do, given how many seconds of waiting the service asks for."""
        if not self.later:
            return language.say(self.remedy)
        when: str | Phrase = self.later
        if wait_s is not None:
            when = Phrase(N_("Try again %(wait)s."), {"wait": language.wait(wait_s)})
        return f"{language.say(when)} {language.say(self.remedy)}".strip()


_SOON = N_("Try again in a few minutes.")
_IN_A_MINUTE = N_("Try again in a minute.")
_LATER = N_("Try again later.")

# How long what operators have switched lasts is for them to say: the service's few seconds mislead.
_NOT_TAKEN_IN = Trouble(
    N_("Documents cannot be added at the moment"), N_("Questions are still answered."), _LATER
)

_TROUBLES = {
    "backend_unavailable": Trouble(
        N_("The service is not available"),
        N_("The part that searches the documents does not respond."),
        later=_SOON,
    ),
    "shutting_down": Trouble(
        N_("The service is being restarted"),
        N_("It could not finish what you asked before that."),
        later=_SOON,
    ),
    "unavailable": Trouble(
        N_("The service is not available"),
        N_("A part of the service does not respond."),
        later=_SOON,
    ),
    "deadline_exceeded": Trouble(
        N_("The service is taking too long"),
        N_("Nothing came back in time. It may be very busy."),
        later=_SOON,
    ),
    "vector_store_unavailable": Trouble(
        N_("The search is not available"),
        N_("The documents are safe, but they cannot be searched at the moment."),
        later=_SOON,
    ),
    "embedder_unavailable": Trouble(
        N_("The search is not available"),
        N_("The model that compares your question with the documents could not be loaded."),
        N_("Tell the people who run this service."),
    ),
    "object_storage_unavailable": Trouble(
        N_("The documents cannot be opened"),
        N_("The place where documents are kept does not respond. Questions may still be answered."),
        later=_SOON,
    ),
    "ingestion_unavailable": _NOT_TAKEN_IN,
    "ingestion_paused": _NOT_TAKEN_IN,
    "document_limit_reached": Trouble(
        N_("No more documents can be kept"),
        N_("Your organisation has as many as it may have. Those that are there stay as they are."),
        N_("Withdraw or delete what is not needed any more, or ask for more room."),
    ),
    "unreadable_document": Trouble(
        N_("This document cannot be read"),
        N_("It may be damaged, protected by a password, or of a kind that is not taken."),
        N_("Open it on your computer, save it anew and add it again."),
        quotes=True,
    ),
    "records_unavailable": Trouble(
        N_("The service is not available"),
        N_("What it does cannot be recorded at the moment, and it does nothing without a record."),
        later=_SOON,
    ),
    "generation_unavailable": Trouble(
        N_("Answers cannot be written at the moment"),
        N_("No language model could answer."),
        later=_SOON,
    ),
    "cache_only_miss": Trouble(
        N_("Only saved answers are available"),
        N_("There is no saved answer to this question, and new ones are not made at the moment."),
        _LATER,
    ),
    "maintenance": Trouble(
        N_("The service is being maintained"),
        N_("It is closed for a while and will be back."),
        later=_LATER,
        quotes=True,
        onward=N_("See whether it is open again"),
    ),
    "overloaded": Trouble(
        N_("The service is very busy"),
        N_("More people are asking than can be answered in time."),
        later=_IN_A_MINUTE,
    ),
    "too_busy": Trouble(
        N_("The service is very busy"),
        N_("More people are asking than can be answered in time."),
        later=_IN_A_MINUTE,
    ),
    "rate_limited": Trouble(
        N_("Too many questions in a short time"),
        N_("Each person can ask a limited number of questions a minute, so that all get answers."),
        later=_IN_A_MINUTE,
    ),
    "budget_exhausted": Trouble(
        N_("The budget for this month is used up"),
        N_("No language model is asked any more until the next month begins."),
        N_("Tell the people who run this service; they can raise the budget."),
    ),
    "invalid_request": Trouble(
        N_("This question cannot be asked as it is"),
        N_("Something in it cannot be taken."),
        N_("Change the question and ask again."),
        quotes=True,
    ),
    "payload_too_large": Trouble(
        N_("That is too long"),
        N_("The form holds more than this service takes."),
        Phrase(
            N_("A question can have up to %(limit)s characters. Shorten it to what matters."),
            {"limit": MAX_QUESTION_CHARACTERS},
        ),
    ),
    "unauthorised": Trouble(
        N_("You need to sign in"),
        N_("This service answers only people it knows."),
        N_("Ask the people who run this service for access."),
    ),
    "forbidden": Trouble(
        N_("This is not open to you"),
        N_("The service knows who you are, but your account does not include this."),
        N_("If you think that you should have access, ask the people who run this service."),
    ),
    "identity_provider_unavailable": Trouble(
        N_("Signing in is not possible at the moment"),
        N_("The service where you sign in does not respond. Whoever is signed in can go on."),
        later=_SOON,
        sign_in=True,
    ),
    "sign_in_unknown": Trouble(
        N_("This sign-in cannot be completed"),
        N_(
            "It was begun in another browser, was completed already, or took more than ten "
            "minutes. "
            "Nothing has been changed."
        ),
        N_("Sign in again. If this comes back, allow cookies for this site."),
        sign_in=True,
    ),
    "sign_in_denied": Trouble(
        N_("You are not signed in"),
        N_("Signing in was cancelled, or your organisation does not let you use this service."),
        N_("Sign in again, or ask the people who run this service for access."),
        sign_in=True,
    ),
    "sign_in_refused": Trouble(
        N_("Signing in did not work"),
        N_(
            "The service where you sign in did not accept this attempt. Each attempt counts once "
            "and for a short time only."
        ),
        N_("Sign in again. If it happens again, tell the people who run this service."),
        sign_in=True,
    ),
    "sign_in_untrusted": Trouble(
        N_("Signing in did not work"),
        N_(
            "What came back could not be verified, so you have not been signed in. "
            "This protects you."
        ),
        N_("Sign in again. If it happens again, tell the people who run this service."),
        sign_in=True,
    ),
    "sign_in_not_accepted": Trouble(
        N_("Signing in did not work"),
        N_(
            "You have signed in, but this service does not accept what it was told about you. It "
            "is set up wrongly; nothing that you did is at fault."
        ),
        N_("Tell the people who run this service."),
    ),
    "sign_in_too_large": Trouble(
        N_("Signing in did not work"),
        N_(
            "Your organisation sends more about you than a browser can keep, often a very long "
            "list of groups."
        ),
        N_("Tell the people who run this service."),
    ),
    "form_outdated": Trouble(
        N_("This page was from before you signed in"),
        N_("To protect you, it can only be used by whoever opened it. Nothing has been asked."),
        N_("Send it again: it now belongs to your present session."),
    ),
    "cross_site": Trouble(
        N_("This question came from another website"),
        N_("To protect you, questions are only taken from this page. Nothing has been asked."),
        N_("Open the question form and ask there."),
    ),
    "mode_set_by_environment": Trouble(
        N_("This switch cannot be changed here"),
        N_("Its value was set where the service is run, which goes before every switch."),
        quotes=True,
        onward=N_("Back to the first page"),
    ),
    "contradictory_modes": Trouble(
        N_("These switches contradict each other"),
        N_("With both of them nothing could be answered, so nothing was changed."),
        quotes=True,
        onward=N_("Back to the first page"),
    ),
    "answer_unfinished": Trouble(
        N_("This answer was not finished"),
        N_("It was stopped, or the service was restarted while it was being given."),
        N_("Ask again if you still need it."),
    ),
    "not_found": Trouble(
        N_("Page or document not found"),
        N_("It may have been removed, or you may not have access to it."),
        N_("Check the address, or look for it in the list of documents."),
    ),
    "conflict": Trouble(
        N_("This document is not ready"),
        N_("It is still being read, or was changed just now."),
        later=_IN_A_MINUTE,
    ),
    "method_not_allowed": Trouble(
        N_("That cannot be done here"),
        N_("This page cannot be asked for in that way."),
        N_("Go back to the question form."),
    ),
    "request_timeout": Trouble(
        N_("Your question did not arrive"),
        N_("Only part of it was received in time."),
        N_("Check your connection and ask again."),
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
    N_("Something went wrong"),
    N_("This is a fault in the service, not in what you did. It has been recorded."),
    N_("If it happens again, tell the people who run this service."),
    later=_SOON,
)

_UNKNOWN_REFUSAL = Trouble(
    N_("The request was not taken"),
    N_("The service could not make sense of it."),
    N_("Go back to the question form and try again."),
)


def trouble(code: str, status: int) -> Trouble:
    """Return the words for an error's code, or for its HTTP status if the code is not known."""
    found = _TROUBLES.get(code) or _TROUBLES.get(_BY_STATUS.get(status, ""))
    if found is not None:
        return found
    return _UNKNOWN if status >= 500 else _UNKNOWN_REFUSAL  # noqa: PLR2004 — HTTP's own border.
