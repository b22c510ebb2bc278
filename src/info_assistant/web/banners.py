"""One banner for each mode and each dependency, in words that a reader understands.

Each says what is not as usual, what still works, and until when where that is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from info_assistant.web.languages import N_, Phrase
from info_assistant.web.replies import Health, Incident, ModeInForce


@dataclass(frozen=True, slots=True)
class Banner:
    """What is said at the head of every page.

    `told` are words of the operators, shown as they are. `serious` sets those apart by which
    something cannot be done at all.
    """

    heading: str | Phrase
    meaning: str | Phrase = ""
    until: datetime | None = None
    told: str = ""
    serious: bool = False


UNREACHABLE = Banner(
    N_("The service does not respond"),
    N_("You can write your question; it stays in the box until the service is back."),
    serious=True,
)
"""Said while the backend does not answer."""

_MODES = {
    "MAINTENANCE_MODE": Banner(
        N_("The service is being maintained"),
        N_("It is closed for a while and will be back."),
        serious=True,
    ),
    "CACHE_ONLY_MODE": Banner(
        N_("Only saved answers are given"),
        N_("A question that nobody has asked before has to wait. Documents can be read."),
        serious=True,
    ),
    "INGESTION_PAUSED": Banner(
        N_("No documents are added at the moment"), N_("Questions are answered as usual.")
    ),
    "REDIS_ENABLED": Banner(
        N_("Saved answers are switched off"),
        N_("Answers may take longer. Nothing else changes."),
    ),
    "LLM_PROVIDER": Banner(
        N_("The language model was chosen by hand"),
        N_("Answers may be worded differently than usual. They are checked in the same way."),
    ),
}

_QUOTED = Banner(
    N_("Answers quote the documents"),
    N_("No language model writes at the moment. The quotations are the documents' own words."),
)

_DEPENDENCIES = {
    "qdrant": Banner(
        N_("The search is not available"),
        N_("New questions cannot be answered. Documents can be read, and answers given before."),
        serious=True,
    ),
    "redis": Banner(
        N_("Saved answers are not available"),
        N_("Answers may take longer. Nothing else changes."),
    ),
    "object_storage": Banner(
        N_("Documents cannot be opened or changed"),
        N_("Questions are still answered, each sentence with its quotation."),
    ),
    "openai": Banner(
        N_("A language model is not available"),
        N_("Another one writes the answers. Without one, you see passages that fit your question."),
    ),
    "embedder": Banner(
        N_("The search is not available"),
        N_("New questions cannot be answered. Documents can be read, and answers given before."),
        serious=True,
    ),
    "identity_provider": Banner(
        N_("Signing in may not work"), N_("Whoever is signed in can go on.")
    ),
}
_DEPENDENCIES["anthropic"] = _DEPENDENCIES["openai"]


def banners_of(health: Health) -> Sequence[Banner]:
    """Return what is to be said: modes, what is down, incidents; each thing once."""
    said: list[Banner] = []
    for banner in (*_of_modes(health), *_of_dependencies(health), *map(_of_incident, health.open)):
        if banner not in said:
            said.append(banner)
    return sorted(said, key=lambda banner: not banner.serious)


def _of_modes(health: Health) -> Iterator[Banner]:
    for mode in health.modes:
        banner = _QUOTED if mode.value == "extractive" else _MODES.get(mode.name)
        if banner is not None:
            message = health.mode("MAINTENANCE_MESSAGE")
            told = str(message.value) if message and mode.name == "MAINTENANCE_MODE" else ""
            yield _with(banner, mode, told)


def _with(banner: Banner, mode: ModeInForce, told: str) -> Banner:
    meaning = "" if told else banner.meaning
    return Banner(banner.heading, meaning, mode.expires_at, told, banner.serious)


def _of_dependencies(health: Health) -> Iterator[Banner]:
    for name, dependency in health.dependencies.items():
        if dependency.state == "down":
            yield _DEPENDENCIES.get(name) or _unknown(name)


def _unknown(name: str) -> Banner:
    said = N_("A part of the service does not work as usual (%(name)s)")
    return Banner(Phrase(said, {"name": name}))


def _of_incident(incident: Incident) -> Banner:
    return Banner(
        N_("The people who run this service report"),
        told=": ".join(each for each in (incident.title, incident.message) if each),
    )
