"""What wiring makes of a model: settings, likeness and fallback reach the question's way."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.answering.conftest import LIBRARY, HiddenDocuments, MemoryIndex
from tests.answering.test_generate import CARRY, LEAVE, WordForWord, all_down, composing

from info_assistant.answering.judge import ModelJudge
from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.answering.recall import Memory
from info_assistant.model.answer import AnswerMode
from info_assistant.model.ids import new_id
from info_assistant.model.passage import IndexedPassage
from info_assistant.settings import Settings
from info_assistant.wiring.answers import Means, Writer, answer_pipeline
from info_assistant.wiring.foundation import foundation
from info_assistant.wiring.records import record_parts

pytestmark = pytest.mark.model


async def test_a_writer_is_wired_to_the_whole_way(tmp_path: Path) -> None:
    """With a writer answers are written within the settings, checked, and bridged with quotes."""
    environment = {"DATA_DIR": str(tmp_path), "ANSWER_TOKENS": "321", "ANSWER_JUDGE": "true"}
    settings = Settings.from_environment(environment)
    base = foundation(settings)
    records = record_parts(settings, base.blobs, base.objects, base.metrics)
    index, known = MemoryIndex(), WordForWord()
    vectors = await base.embedder.embed_passages(LIBRARY)
    held = [IndexedPassage(*pair) for pair in zip(LIBRARY, vectors, strict=True)]
    await index.write(held)
    model, _ = composing(
        lambda leave: [f"{CARRY} {leave}"] if not known.likenesses else [all_down()]
    )
    writer = Writer(model, known, in_use=lambda: True, falls_back=True)
    visible = HiddenDocuments()
    made = answer_pipeline(base, records, visible, Means(settings.answering, Memory(), writer))  # type: ignore[arg-type]
    pipeline = AnswerPipeline(replace(made._parts, index=index))
    composed = made._parts.composing
    assert composed is not None
    assert isinstance(composed.judge, ModelJudge)
    try:
        written = await pipeline.answer(replace(LEAVE, id=new_id()))
        assert (written.mode, written.text) == (AnswerMode.GENERATED, CARRY)
        assert model.prompts[0].most_tokens == 321
        (likeness,) = known.likenesses
        assert likeness
        quoted = await pipeline.answer(replace(LEAVE, id=new_id()))
        assert (quoted.mode, quoted.degraded) == (
            AnswerMode.EXTRACTIVE,
            ("generation_unavailable",),
        )
    finally:
        for close in (records.log.close, *base.closers):
            await close()
