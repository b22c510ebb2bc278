"""Text recognition for pages that are only pictures; there when the extra `[ocr]` is installed."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from statistics import median
from types import FrameType
from typing import Any

import numpy as np
import pypdfium2 as pdfium

from info_assistant.ingestion.formats.clean import clean
from info_assistant.ingestion.formats.pdf_lines import Line

INSTALLED = find_spec("rapidocr") is not None
"""Whether pages without text can be recognised; the models come with the package."""

# 144 dots an inch: print of usual size is read without a fault, at half the cost of 200.
_DOTS_A_POINT = 2.0
_MOST_DOTS = 2_500
_PAGE_SECONDS = 45.0
_LEAST_SCORE = 0.5
# A box is drawn a little around its letters.
_TYPE_SHARE = 0.8


class RecognitionTooLong(Exception):
    """One page took longer than a page may."""


@dataclass
class Recognition:
    """Recognises a document's pages as long as there is time, and keeps which it did and not."""

    seconds: float
    done: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    begun: float = field(default_factory=time.process_time)

    def lines(self, page: pdfium.PdfPage, number: int) -> list[Line]:
        """Return what is seen on a page without text; nothing on a blank one."""
        if not INSTALLED or next(page.get_objects(max_depth=2), None) is None:
            return []
        if time.process_time() - self.begun > self.seconds:
            self.given_up.append(number)
            return []
        try:
            lines = _recognised_lines(page)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001
            # The boundary to a library of many parts: a page that it fails on is left out.
            self.given_up.append(number)
            return []
        if lines:
            self.done.append(number)
        return lines


def _recognised_lines(page: pdfium.PdfPage) -> list[Line]:
    """Return the lines on a page, from top to bottom. Raises RecognitionTooLong."""
    width, height = page.get_size()
    scale = min(_DOTS_A_POINT, _MOST_DOTS / max(width, height, 1.0))
    picture = page.render(scale=scale).to_numpy()
    with _deadline():
        found = _engine()(np.ascontiguousarray(picture[:, :, :3]))
    if found.txts is None:
        return []
    seen = zip(found.boxes, found.txts, found.scores, strict=True)
    boxes = [
        (np.asarray(box) / scale, words)
        for box, text, score in seen
        if score >= _LEAST_SCORE and (words := clean(text))
    ]
    # One size for the whole page: heights of boxes vary with ascenders, and would make headings.
    heights = [float(box[:, 1].max() - box[:, 1].min()) for box, _ in boxes]
    size = max(1.0, round(median(heights) * _TYPE_SHARE * 2) / 2) if heights else 1.0
    return [_line(box, words, height, size) for box, words in boxes]


def _line(box: "np.ndarray[Any, Any]", words: str, height: float, size: float) -> Line:
    """Return a recognised line; pictures count downwards, pages upwards."""
    top, bottom = height - float(box[:, 1].min()), height - float(box[:, 1].max())
    return Line(
        words,
        float(box[:, 0].min()),
        float(box[:, 0].max()),
        bottom,
        top,
        size,
        bold=False,
        fixed=False,
        baseline=bottom,
    )


@cache
def _engine() -> Any:  # noqa: ANN401 - the library has no types.
    """Load the models: in the child that needs them, as their runtime does not survive a fork."""
    from rapidocr import RapidOCR  # noqa: PLC0415 - an extra.

    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
        }
    )


@contextmanager
def _deadline() -> Iterator[None]:
    """Raise RecognitionTooLong inside when a page's time is over, between two of its lines."""
    if threading.current_thread() is not threading.main_thread():
        # Signals reach the main thread only; where the product parses, that is the one.
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise RecognitionTooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _PAGE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
