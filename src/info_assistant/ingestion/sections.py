"""Groups blocks by heading path and page, as they come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from info_assistant.model.reading import BlockKind, PlacedBlock

_PORTION = 256
"""Blocks of a long section that are handed on together."""
_MOST_HEADINGS = 1_000
"""Headings in a row; with more of them they are what the document consists of."""


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
        return sum(_words(placed) for placed in self.blocks)


@dataclass(frozen=True, slots=True)
class Portion:
    """Some blocks of a section; a long one comes in several, the last of which says so.

    Only the first has the headings that open the section.
    """

    section: Section
    last: bool = True


@dataclass(slots=True)
class _Begun:
    """A section whose end has not come yet. `words` counts what was ever in it."""

    path: tuple[str, ...]
    page: int | None
    headings: tuple[PlacedBlock, ...]
    blocks: list[PlacedBlock] = field(default_factory=list)
    words: int = 0
    handed_on: bool = False

    def take(self) -> Section:
        """Return what has come, and go on without it."""
        section = Section(self.path, self.page, tuple(self.blocks), self.headings)
        self.blocks, self.headings = [], ()
        return section


class SectionStream:
    """Makes sections of blocks that come one after another, tiny neighbours merged.

    What waits here is little: a run of tiny sections, some blocks of a long one, some headings. A
    text of headings alone is one section for each page, so that it can be found at all.
    """

    def __init__(self, tiny_words: int, target_words: int) -> None:
        """Merge sections of up to `tiny_words` words until they have `target_words`."""
        self._tiny_words = tiny_words
        self._target_words = target_words
        self._stack: list[PlacedBlock] = []
        self._headings: list[PlacedBlock] = []
        self._begun: _Begun | None = None
        self._run: list[Section] = []
        self._headings_only = True

    @property
    def waits_from(self) -> int | None:
        """The place in the text of the first block that waits here."""
        waiting = [section.headings + section.blocks for section in self._run]
        if self._begun is not None:
            waiting += [(*self._begun.headings, *self._begun.blocks)]
        waiting.append(tuple(self._headings))
        return min((blocks[0].start for blocks in waiting if blocks), default=None)

    def add(self, placed: PlacedBlock) -> Iterator[Portion]:
        """Take the next block; yield what is complete by now."""
        if placed.block.kind is BlockKind.HEADING:
            yield from self._close()
            yield from self._add_heading(placed)
            return
        self._headings_only = False
        if self._begun is not None and placed.block.page != self._begun.page:
            yield from self._close()
        if self._begun is None:
            self._begun = self._open(placed.block.page)
        begun = self._begun
        begun.blocks.append(placed)
        begun.words += _words(placed)
        if begun.words > self._tiny_words and not begun.handed_on:
            # It stands alone, however long it gets.
            yield from self._end_run()
            begun.handed_on = True
        if begun.handed_on and len(begun.blocks) >= _PORTION:
            yield Portion(begun.take(), last=False)

    def end(self) -> Iterator[Portion]:
        """Yield the rest: nothing more comes."""
        yield from self._close()
        yield from self._end_run()
        if self._headings_only:
            yield from _by_page(self._headings)
        self._headings = []

    def _add_heading(self, placed: PlacedBlock) -> Iterator[Portion]:
        if len(self._headings) >= _MOST_HEADINGS:
            yield from self._end_run()
            yield from _by_page(self._headings)
            self._headings = []
        self._headings.append(placed)
        while self._stack and self._stack[-1].block.level >= placed.block.level:
            self._stack.pop()
        self._stack.append(placed)

    def _open(self, page: int | None) -> _Begun:
        path = tuple(above.block.text for above in self._stack)
        opening = tuple(each for each in self._headings if each.block.page == page)
        self._headings = []
        return _Begun(path, page, opening)

    def _close(self) -> Iterator[Portion]:
        """End the section that was begun: hand on its rest, or let it wait with tiny others."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        section = begun.take()
        if begun.handed_on:
            yield Portion(section)
            return
        if not self._fits(section):
            yield from self._end_run()
        self._run.append(section)
        if not section.headings:
            yield from self._end_run()

    def _fits(self, section: Section) -> bool:
        """Whether a tiny section goes on with the run: same parent, same page, below the target."""
        return bool(
            self._run
            and section.headings
            and _together(self._run, section)
            and sum(each.words for each in self._run) + section.words <= self._target_words
        )

    def _end_run(self) -> Iterator[Portion]:
        run, self._run = self._run, []
        if run:
            yield Portion(run[0] if len(run) == 1 else _joined(run))


def _words(placed: PlacedBlock) -> int:
    return len(placed.block.text.split())


def _by_page(headings: Sequence[PlacedBlock]) -> Iterator[Portion]:
    pages: dict[int | None, list[PlacedBlock]] = {}
    for each in headings:
        pages.setdefault(each.block.page, []).append(each)
    for page, blocks in pages.items():
        yield Portion(Section((), page, tuple(blocks)))


def _together(run: Sequence[Section], section: Section) -> bool:
    """Whether a section is a sibling or child of the first of a run, on the same page."""
    first = run[0]
    depth = max(1, len(first.path) - 1)
    return (
        first.page == section.page
        and len(section.path) > 1
        and len(first.path) > 1
        and first.path[:depth] == section.path[:depth]
    )


def _joined(run: Sequence[Section]) -> Section:
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
