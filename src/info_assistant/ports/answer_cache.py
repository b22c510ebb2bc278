"""Answers given before: where they are kept, and what has changed since."""

from collections.abc import Sequence
from typing import Protocol

from info_assistant.model.known_answer import KnownAnswer, SavedQuestion


class AnswerCache(Protocol):
    """Answers by key, for all replicas; losing any of them is harmless.

    Methods raise RedisUnavailable.
    """

    @property
    def open(self) -> bool:
        """Whether answers are kept and found at this moment."""

    async def get(self, key: str) -> KnownAnswer | None:
        """Return the answer under `key`, or None."""

    async def lead(self, key: str, token: str) -> tuple[bool, KnownAnswer | None]:
        """Whether the holder of `token` is to make the answer, and the one that is there by now.

        For a few seconds nobody else is to make it. Asked again by the same, it goes on to be.
        """

    async def keep(self, key: str, known: KnownAnswer, token: str = "") -> None:
        """Keep an answer for a while; who led under `token` leads no more."""

    async def give_up(self, key: str, token: str) -> None:
        """Lead no more, without an answer."""

    async def save_question(self, scope: str, saved: SavedQuestion) -> None:
        """Keep a question among the newest of those who share the key `scope`."""

    async def saved_questions(self, scope: str) -> Sequence[SavedQuestion]:
        """Return the questions kept under `scope`; the answers of some may be gone."""


class CorpusChanges(Protocol):
    """Which documents of a tenant have changed, by places in the feed of changes."""

    @property
    def position(self) -> int:
        """How far the feed has been read."""

    def unchanged_since(self, tenant: str, position: int) -> bool:
        """Whether nothing that a tenant's answers rest on has changed since this place.

        False also where that is not known.
        """
