"""Groups a reading's blocks by heading path and page."""

from collections.abc import Sequence
from dataclasses import dataclass

from info_assistant.model.reading import BlockKind, PlacedBlock


@dataclass(frozen=True, slots=True)
class Section:
    """Consecutive blocks under one heading path on one page.

    `headings` are those that open the section: the ones right before its blocks, on the same page.
    Where tiny sections were merged, `blocks` holds the headings of the later ones.
    """

    path: tuple[str, ...]
    page: int | None
    blocks: tuple[PlacedBlock, ...]
    headings: tuple[PlacedBlock, ...] = ()

    @property
    def words(self) -> int:
        """The number of words in all blocks."""
        return sum(len(placed.block.text.split()) for placed in self.blocks)


def sections(placed: Sequence[PlacedBlock], tiny_words: int, target_words: int) -> list[Section]:
    """Return the sections of a reading in order, tiny neighbours merged under their parent.

    A reading of headings alone is one section for each page, so that it can be found at all.
    """
    plain = _plain(placed)
    if not plain:
        return _headings_only(placed)
    return _merged(plain, tiny_words, target_words)


def _plain(placed: Sequence[PlacedBlock]) -> list[Section]:
    found: list[Section] = []
    stack: list[PlacedBlock] = []
    blocks: list[PlacedBlock] = []
    headings: list[PlacedBlock] = []

    def close() -> None:
        if blocks:
            path = tuple(above.block.text for above in stack)
            page = blocks[0].block.page
            opening = tuple(each for each in headings if each.block.page == page)
            found.append(Section(path, page, tuple(blocks), opening))
            blocks.clear()
            headings.clear()

    for each in placed:
        if each.block.kind is BlockKind.HEADING:
            close()
            headings.append(each)
            while stack and stack[-1].block.level >= each.block.level:
                stack.pop()
            stack.append(each)
            continue
        if blocks and each.block.page != blocks[-1].block.page:
            close()
        blocks.append(each)
    close()
    return found


def _headings_only(placed: Sequence[PlacedBlock]) -> list[Section]:
    pages: dict[int | None, list[PlacedBlock]] = {}
    for each in placed:
        pages.setdefault(each.block.page, []).append(each)
    return [Section((), page, tuple(blocks)) for page, blocks in pages.items()]


def _merged(plain: list[Section], tiny_words: int, target_words: int) -> list[Section]:
    """Merge runs of tiny sections that share a parent, as long as they stay below the target."""
    merged: list[Section] = []
    run: list[Section] = []

    def close() -> None:
        if run:
            merged.append(run[0] if len(run) == 1 else _joined(run))
            run.clear()

    for section in plain:
        fits = (
            run
            and section.words <= tiny_words
            and section.headings
            and _together(run, section)
            and sum(each.words for each in run) + section.words <= target_words
        )
        if not fits:
            close()
        run.append(section)
        if section.words > tiny_words or not section.headings:
            close()
    close()
    return merged


def _together(run: list[Section], section: Section) -> bool:
    """Whether a section is a sibling or child of the first of a run, on the same page."""
    first = run[0]
    depth = max(1, len(first.path) - 1)
    return (
        first.page == section.page
        and len(section.path) > 1
        and len(first.path) > 1
        and first.path[:depth] == section.path[:depth]
    )


def _joined(run: list[Section]) -> Section:
    """Return one section under the common parent, with the headings below it in the text."""
    path = run[0].path
    for section in run[1:]:
        shared = 0
        while shared < min(len(path), len(section.path)) and path[shared] == section.path[shared]:
            shared += 1
        path = path[:shared]
    blocks: list[PlacedBlock] = []
    for number, section in enumerate(run):
        if number:
            blocks += section.headings
        blocks += section.blocks
    return Section(path, run[0].page, tuple(blocks), run[0].headings)
