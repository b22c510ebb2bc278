"""The key of an answer: everything that may change it, so that nobody finds another's.

Made with a secret that all replicas share: who can read the cache learns from its keys neither
questions nor who asked them, and who can write to it cannot guess where somebody will look.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

from info_assistant.answering.language import other_language
from info_assistant.model.identity import AccessScope
from info_assistant.model.question import Question

ANSWERS_VERSION = "3"
"""To be raised when retrieval, ranking or the check of sentences come to other answers."""


def _no_secret() -> bytes | None:
    """Return that none is known."""
    return None


class AnswerKey:
    """What an answer depends on, and the text under which the cache knows it.

    `parts` tell questions apart within this process. The text is made when it is asked for, by who
    has found that replicas share a secret: most installations of one machine never need it.
    """

    __slots__ = ("_make", "_text", "parts")

    def __init__(self, parts: tuple[object, ...], make: Callable[[], str]) -> None:
        """Take the parts, and what makes the text."""
        self.parts = parts
        self._make = make
        self._text = ""

    @property
    def text(self) -> str:
        """The key in the cache, which tells neither the question nor who asked it."""
        if not self._text:
            self._text = self._make()
        return self._text

    @classmethod
    def known(cls, text: str) -> "AnswerKey":
        """Return the key whose text was made before."""
        return cls((text,), lambda: text)


@dataclass(frozen=True, slots=True)
class AnswerKeys:
    """Makes keys. `secret` returns what replicas share, None as long as it is not known.

    `made_by` names what else answers depend on, the same for all: models, indexes, limits.
    """

    secret: Callable[[], bytes | None] = _no_secret
    made_by: str = ""
    _own: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def shared(self) -> bool:
        """Whether other replicas make the same keys; else they serve inside this process only."""
        return self.secret() is not None

    def of(self, question: Question, composed_by: str = "") -> AnswerKey:
        """Return the key of a question's answer; `composed_by` names provider, model and prompt."""
        scope = question.caller.scope
        parts = (
            "answer",
            ANSWERS_VERSION,
            self.made_by,
            composed_by,
            scope.tenant,
            tuple(sorted(scope.groups)),
            question.text.casefold(),
            other_language(question.text),
            tuple(sorted(question.filters.document_ids)),
            tuple([(turn.role, turn.text) for turn in question.history]),
        )
        return AnswerKey(parts, partial(self._keyed, *parts))

    def of_scope(self, scope: AccessScope) -> str:
        """Return the key of what everybody with the same access shares."""
        return self._keyed(
            "scope", ANSWERS_VERSION, self.made_by, scope.tenant, sorted(scope.groups)
        )

    def _keyed(self, *parts: object) -> str:
        # Copied, because making one costs more than all the rest.
        keyed = _begun(self.secret() or self._own).copy()
        keyed.update(json.dumps(parts).encode())
        return keyed.hexdigest()


@lru_cache(maxsize=8)
def _begun(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod=hashlib.sha256)
