"""The sample library: loaded once, through the ordinary intake, so that a first question works."""

from collections.abc import Callable, Sequence
from pathlib import Path

from info_assistant.cli.backend import Backend
from info_assistant.cli.documents import every_document
from info_assistant.cli.files import Found, select
from info_assistant.cli.sending import Outcome, Sender

QUESTION = "How do I request records under access to information?"
"""The question that `up` answers for a newcomer; the samples hold its answer."""

_PACKAGE = Path(__file__).parents[1]


def sample_files() -> Sequence[Found]:
    """Return the sample documents, from the checkout or from inside the installed package."""
    for folder in (_PACKAGE.parents[1] / "samples" / "documents", _PACKAGE / "samples"):
        if folder.is_dir():
            return select([folder]).files
    return ()


async def still_wanted(backend: Backend, files: Sequence[Found]) -> bool:
    """Whether the library holds nothing but samples: nobody's own library is added to."""
    samples = {found.source for found in files}
    async for document in every_document(backend):
        if document["source"] not in samples:
            return False
    return True


async def load(
    backend: Backend, files: Sequence[Found], done: Callable[[Outcome], None]
) -> Sequence[Outcome]:
    """Send the samples and wait until each one is settled."""
    return await Sender(backend, done).send(files)
