"""The answer cache of an installation without Redis: none."""

from info_assistant.model.known_answer import KnownAnswer, SavedQuestion


class NoAnswerCache:
    """ports.AnswerCache that keeps nothing, so that every answer is fresh."""

    open = False

    async def get(self, key: str) -> KnownAnswer | None:  # noqa: ARG002  # The port's parameter.
        """Return None: nothing was kept."""
        return None

    async def lead(self, key: str, token: str) -> tuple[bool, None]:  # noqa: ARG002  # The same.
        """Return True: nobody else is known."""
        return True, None

    async def keep(self, key: str, known: KnownAnswer, token: str = "") -> None:
        """Keep nothing."""

    async def give_up(self, key: str, token: str) -> None:
        """Do nothing."""

    async def save_question(self, scope: str, saved: SavedQuestion) -> None:
        """Keep nothing."""

    async def saved_questions(self, scope: str) -> tuple[SavedQuestion, ...]:  # noqa: ARG002  The same.
        """Return none."""
        return ()
