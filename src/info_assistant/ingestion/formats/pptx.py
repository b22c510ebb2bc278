"""PowerPoint presentations: each slide is a page under its title, with tables and notes."""

import io
from collections.abc import Iterable, Iterator

from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.shapes.autoshape import Shape
from pptx.shapes.base import BaseShape
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape
from pptx.slide import Slide
from pptx.table import Table
from pptx.text.text import TextFrame

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.blocks import BlockList, has_words
from info_assistant.ingestion.formats.clean import clean
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.damage import damaged_as
from info_assistant.model.reading import BlockKind, Reading

_DAMAGED = "This presentation is damaged. Open it in PowerPoint, save it again and resend it."
_BULLETED = {PP_PLACEHOLDER.BODY, PP_PLACEHOLDER.OBJECT, PP_PLACEHOLDER.VERTICAL_BODY}
# They repeat on each slide, and say what the page number says already.
_FURNITURE = {PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER}
_MAX_NESTING = 50


def read_pptx(data: bytes, conditions: Conditions) -> Reading:
    """Read a presentation; a slide's number is its page. Raises Unreadable (corrupt, limits)."""
    with damaged_as(_DAMAGED):
        presentation = Presentation(io.BytesIO(data))
        slides = list(presentation.slides)
        if len(slides) > conditions.max_pages:
            raise Unreadable(
                "limits",
                f"This presentation has {len(slides):,} slides; at most {conditions.max_pages:,} "
                "are read. Split it into parts.",
            )
        out, hidden = BlockList(), 0
        for number, slide in enumerate(slides, 1):
            if slide.element.get("show") in {"0", "false"}:
                hidden += 1
            else:
                _add_slide(out, slide, number)
            conditions.on_progress(number, len(slides), "slides")
        title = clean(presentation.core_properties.title or "")
    notes = (f"{hidden} hidden {_slides(hidden)} left out.",) if hidden else ()
    first = (block.text for block in out.blocks if block.kind is BlockKind.HEADING)
    if title.lower() in {"", "powerpoint presentation"}:
        title = next(first, "")
    return Reading(tuple(out.blocks), title or None, len(slides), notes)


def _slides(count: int) -> str:
    return "slide was" if count == 1 else "slides were"


def _add_slide(out: BlockList, slide: Slide, page: int) -> None:
    """Add a slide's title, shapes and notes; one without a title is named by its number."""
    title = slide.shapes.title
    named = title is not None and has_words(clean(title.text_frame.text))
    body = BlockList()
    for shape in _flat(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            _add_shape(body, shape, page)
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    if notes is not None and has_words(notes.text):
        body.add(BlockKind.HEADING, "Speaker notes", page=page, level=2)
        for paragraph in notes.paragraphs:
            body.add(BlockKind.PARAGRAPH, paragraph.text, page=page)
    if named and title is not None:
        out.add(BlockKind.HEADING, title.text_frame.text, page=page, level=1)
    elif body.blocks:
        out.add(BlockKind.HEADING, f"Slide {page}", page=page, level=1)
    out.blocks += body.blocks


def _flat(shapes: Iterable[BaseShape], nesting: int = 0) -> Iterator[BaseShape]:
    """Yield shapes in their order, those of groups in place of the group."""
    for shape in shapes:
        if isinstance(shape, GroupShape):
            if nesting < _MAX_NESTING:
                yield from _flat(shape.shapes, nesting + 1)
        else:
            yield shape


def _add_shape(out: BlockList, shape: BaseShape, page: int) -> None:
    kind = shape.placeholder_format.type if shape.is_placeholder else None
    if kind in _FURNITURE:
        return
    if isinstance(shape, GraphicFrame) and shape.has_table:
        table = shape.table
        out.add_table(_rows(table), header=bool(table.first_row), page=page)
    elif isinstance(shape, Shape):
        _add_text(out, shape.text_frame, page, bulleted=kind in _BULLETED)


def _add_text(out: BlockList, frame: TextFrame, page: int, *, bulleted: bool) -> None:
    """Add paragraphs; several of them in the slide's main frame are its bullets."""
    paragraphs = [each for each in frame.paragraphs if each.text.strip()]
    items = bulleted and len(paragraphs) > 1
    for each in paragraphs:
        if items:
            out.add(BlockKind.LIST_ITEM, each.text, page=page, level=each.level + 1)
        else:
            out.add(BlockKind.PARAGRAPH, each.text, page=page)


def _rows(table: Table) -> list[list[str]]:
    """Return the cells' words; a cell that spans several rows is repeated in each."""
    above: dict[int, str] = {}
    rows: list[list[str]] = []
    for row in table.rows:
        cells: list[str] = []
        for column, cell in enumerate(row.cells):
            if not cell.is_spanned:
                above[column] = cell.text if cell.is_merge_origin else ""
            elif "vMerge" not in cell._tc.attrib:  # noqa: SLF001 - there is no other way to ask.
                above[column] = ""
            cells.append(above.get(column, "") if cell.is_spanned else cell.text)
        rows.append(cells)
    return rows
