"""The answer cache of an installation without Redis: none."""

from info_assistant.model.answer import Answer


class NoAnswerCache:
    """ports.AnswerCache that keeps nothing, so that every answer is fresh."""

    async def get(self, key: str) -> Answer | None:  # noqa: ARG002  # The port's parameter.
        """Return None: nothing was kept."""
        return None

    async def put(self, key: str, answer: Answer) -> None:
        """Keep nothing."""
