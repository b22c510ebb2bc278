"""The embedding model: what it computes, and that it does so out of everybody's way."""

import asyncio
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.errors import EmbedderUnavailable, Misconfigured
from info_assistant.model.passage import Passage, Span
from info_assistant.model.vectors import Floats
from info_assistant.providers import minilm
from info_assistant.providers.minilm import (
    DEFAULT_FOLDER,
    DIMENSION,
    MAX_TOKENS,
    TOKEN_DIMENSION,
    TURN,
    MiniLmEmbedder,
    MiniLmModel,
    verify_model,
)

BUILT = (DEFAULT_FOLDER / "manifest.json").exists()
needs_model = [
    pytest.mark.model,
    pytest.mark.skipif(not BUILT, reason="the embedding model is not built: run `make install`"),
]
LONG_WAIT_S = 60.0


@pytest.fixture(scope="module")
def embedder() -> Iterator[MiniLmEmbedder]:
    """Yield the model of the product on two document threads."""
    held = MiniLmEmbedder(document_threads=2)
    yield held
    held.close()


@pytest.fixture(scope="module")
def model() -> MiniLmModel:
    """Return the synchronous model, for its word pieces."""
    return MiniLmModel(DEFAULT_FOLDER)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the model that may be damaged."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("manifest.json", "tokenizer.json"):
        shutil.copy(DEFAULT_FOLDER / name, folder / name)
    os.link(DEFAULT_FOLDER / "model.onnx", folder / "model.onnx")
    return folder


def passage(
    text: str,
    statements: Sequence[str] = (),
    *,
    title: str = "",
    headings: tuple[str, ...] = (),
    header: str = "",
) -> Passage:
    """Return a passage whose statements are these parts of its text, in order."""
    spans, at = [], 0
    for statement in statements:
        at = text.index(statement, at)
        spans.append(Span(at, at + len(statement)))
        at += len(statement)
    return Passage(
        id="p",
        tenant="default",
        document_id="d",
        version=1,
        ordinal=0,
        title=title,
        source="d.md",
        access=("everyone",),
        heading_path=headings,
        table_header=header,
        page=None,
        text=text,
        start=0,
        end=len(text),
        statements=tuple(spans),
    )


def cosine(one: Floats, other: Floats) -> float:
    """Return the cosine of two unit vectors."""
    return float(one @ other)


async def dense(embedder: MiniLmEmbedder, text: str) -> Floats:
    """Return the sentence vector of a passage without context."""
    return (await embedder.embed_passages([passage(text)]))[0].dense


class TestVectors:
    """What comes out."""

    pytestmark = needs_model

    async def test_the_examples_of_the_model_s_documentation_come_out(
        self, embedder: MiniLmEmbedder
    ) -> None:
        """The three sentences have the published similarities .67, .10 and .14."""
        weather, sunny, stadium = [
            await dense(embedder, text)
            for text in (
                "The weather is lovely today.",
                "It's so sunny outside!",
                "He drove to the stadium.",
            )
        ]
        assert cosine(weather, sunny) == pytest.approx(0.666, abs=0.03)
        assert cosine(weather, stadium) == pytest.approx(0.1046, abs=0.03)
        assert cosine(sunny, stadium) == pytest.approx(0.1411, abs=0.03)

    async def test_question_and_passage_of_the_same_words_agree(
        self, embedder: MiniLmEmbedder
    ) -> None:
        """Both ways into the space lead to the same place, for the whole and for each piece."""
        text = "Annual leave may be carried over to March."
        question = await embedder.embed_question(text)
        (held,) = await embedder.embed_passages([passage(text)])
        assert question.dense == pytest.approx(held.dense, abs=1e-5)
        assert question.tokens == pytest.approx(held.tokens / 127, abs=0.005)
        assert question.sparse.indices == held.sparse.indices

    async def test_shapes_and_lengths_are_what_the_model_promises(
        self, embedder: MiniLmEmbedder, model: MiniLmModel
    ) -> None:
        """Unit sentence vectors, a unit row for each word piece, and no NaN anywhere."""
        text = "Zero trust — ein Prinzip: 信頼しない 😀 \x00 naïve."
        question = await embedder.embed_question(text)
        (held,) = await embedder.embed_passages([passage(text)])
        pieces = len(model.tokenize([text])[0].ids) - 2
        assert question.dense.shape == held.dense.shape == (DIMENSION,)
        assert question.tokens.shape == held.tokens.shape == (pieces, TOKEN_DIMENSION)
        assert question.tokens.dtype == np.float32
        assert held.tokens.dtype == np.int8
        assert np.linalg.norm(question.dense) == pytest.approx(1, abs=1e-4)
        assert np.linalg.norm(question.tokens, axis=1) == pytest.approx(1, abs=1e-4)
        lengths = np.linalg.norm(held.tokens.astype(np.float32), axis=1)
        assert lengths == pytest.approx(127, abs=4)
        assert np.isfinite(question.tokens).all()

    async def test_each_row_is_of_its_own_word_piece(self, embedder: MiniLmEmbedder) -> None:
        """The row of a word is nearest to the row of the same word at another place."""
        early, late = await embedder.embed_passages(
            [passage("submarine crews sleep little"), passage("we once saw a grey submarine there")]
        )
        assert (late.tokens.astype(np.float32) @ early.tokens[0]).argmax() == 5
        assert (early.tokens.astype(np.float32) @ late.tokens[5]).argmax() == 0

    async def test_words_up_to_256_pieces_count_and_no_further(
        self, embedder: MiniLmEmbedder
    ) -> None:
        """The word at 200 changes the vector, the word at 300 does not: the cut is 256, not 128."""
        words = ["rule"] * 320

        async def with_word(at: int, word: str) -> Floats:
            return await dense(embedder, " ".join([*words[:at], word, *words[at + 1 :]]))

        plain = await dense(embedder, " ".join(words))
        assert cosine(await with_word(200, "submarine"), plain) < 0.999
        assert (await with_word(300, "submarine") == plain).all()
        (held,) = await embedder.embed_passages([passage(" ".join(words))])
        assert len(held.tokens) == MAX_TOKENS - 2

    async def test_company_changes_nothing(self, embedder: MiniLmEmbedder) -> None:
        """A passage has the same vectors whatever is embedded beside it, so a rebuild is exact."""
        texts = ["Short.", "A sentence of middling length about leave.", "long words " * 100]
        together = await embedder.embed_passages([passage(text) for text in texts])
        for text, held in zip(texts, together, strict=True):
            (alone,) = await embedder.embed_passages([passage(text)])
            assert (held.dense == alone.dense).all()
            assert (held.tokens == alone.tokens).all()

    async def test_many_passages_keep_their_order(self, embedder: MiniLmEmbedder) -> None:
        """Several threads do not mix up whose vectors are whose."""
        texts = [f"Rule {n} " + "on leave " * (n * 7 % 13) for n in range(2 * TURN + 3)]
        together = await embedder.embed_passages([passage(text) for text in texts])
        assert len(together) == len(texts)
        for text, held in zip(texts, together, strict=True):
            (alone,) = await embedder.embed_passages([passage(text)])
            assert held.sparse == alone.sparse
            assert (held.dense == alone.dense).all()
        assert list(await embedder.embed_passages([])) == []

    async def test_context_is_part_of_what_is_embedded(self, embedder: MiniLmEmbedder) -> None:
        """Title and headings move the vector and are found as terms."""
        bare, titled = await embedder.embed_passages(
            [passage("Five days."), passage("Five days.", title="Carrying leave over")]
        )
        question = await embedder.embed_question("How much leave can be carried over?")
        assert cosine(question.dense, titled.dense) > cosine(question.dense, bare.dense) + 0.1
        assert set(bare.sparse.indices) < set(titled.sparse.indices)
        assert len(titled.tokens) > len(bare.tokens)


class TestTokenSpans:
    """Which rows of the token matrix belong to which statement."""

    pytestmark = needs_model

    @pytest.mark.parametrize(
        "context",
        [
            {},
            {"title": "Handbook"},
            {"title": "Café — 😀 handbook", "headings": ("Leave", "Carrying over")},
            {"title": "Table", "header": "Name | Days"},
        ],
        ids=["no context", "title", "unicode title and headings", "table"],
    )
    async def test_they_point_at_the_statement_s_own_pieces(
        self, embedder: MiniLmEmbedder, model: MiniLmModel, context: dict[str, str]
    ) -> None:
        """The pieces of each span spell the statement, whatever stands before."""
        statements = ["Employees carry over days.", "Naïve 😀 readers wonder.", "Ask 42 people!"]
        held = passage(" ".join(statements), statements, **context)  # type: ignore[arg-type]
        (vectors,) = await embedder.embed_passages([held])
        before = held.embedded_context
        whole = f"{before}\n{held.text}" if before else held.text
        pieces = model.tokenize([whole])[0].tokens[1:-1]
        assert len(pieces) == len(vectors.tokens)
        spelt = ["".join(pieces[s.start : s.end]).replace("##", "") for s in vectors.token_spans]
        assert spelt == ["employeescarryoverdays.", "naive[UNK]readerswonder.", "ask42people!"]

    async def test_statements_beyond_the_cut_are_empty(self, embedder: MiniLmEmbedder) -> None:
        """What the model never saw has no rows, and the spans stay within the matrix."""
        statements = ["rule " * 200 + "one.", "rule " * 100 + "two.", "Three."]
        held = passage(" ".join(statements), statements)
        (vectors,) = await embedder.embed_passages([held])
        n = MAX_TOKENS - 2
        assert vectors.token_spans == (Span(0, 202), Span(202, n), Span(n, n))

    @settings(deadline=None, max_examples=25)
    @given(words=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=12))
    def test_any_text_has_spans_in_order_and_within(
        self, model: MiniLmModel, words: list[str]
    ) -> None:
        """Spans ascend, do not overlap and end within the pieces; nothing is NaN."""
        text = " ".join(words)
        places = [0]
        for word in words:
            places.append(places[-1] + len(word) + 1)
        encoded = model.run(model.tokenize([text])[0])
        statements = tuple(Span(a, b - 1) for a, b in pairwise(places))
        held = passage(text)._replace(statements=statements)
        spans = minilm._token_spans(held, encoded.offsets)
        edges = [edge for span in spans for edge in (span.start, span.end)]
        assert edges == sorted(edges)
        assert all(0 <= edge <= len(encoded.hidden) for edge in edges)
        assert np.isfinite(encoded.dense).all()

    def test_pieces_are_counted_as_they_are_embedded(self, embedder: MiniLmEmbedder) -> None:
        """Special pieces do not count, and nothing is cut while counting."""
        assert embedder.count(["rule", "rule " * 300, ""]) == [1, 300, 0]


class TestFiles:
    """The files on disk."""

    pytestmark = needs_model

    def test_a_whole_copy_has_the_same_identity(self, copy: Path) -> None:
        """The identity comes from the contents and names the model."""
        identity = verify_model(copy).identity
        assert identity == verify_model().identity
        assert identity.startswith("all-MiniLM-L6-v2-int8-")

    def test_an_altered_file_is_refused(self, copy: Path) -> None:
        """One changed byte is enough, and the message says how to get a whole model."""
        with (copy / "tokenizer.json").open("ab") as file:
            file.write(b" ")
        with pytest.raises(Misconfigured, match=r"altered.*make install"):
            verify_model(copy)
        with pytest.raises(Misconfigured):
            MiniLmEmbedder(copy)

    @pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "manifest.json"])
    def test_a_missing_file_is_refused(self, copy: Path, name: str) -> None:
        """An installation without its model says so at start."""
        (copy / name).unlink()
        with pytest.raises(Misconfigured, match=r"incomplete.*make install"):
            verify_model(copy)

    def test_a_manifest_that_is_no_manifest_is_refused(self, copy: Path) -> None:
        """Half a file and a file without hashes are the same to whoever has to mend it."""
        for text in ("{", "{}", '{"model": "m"}'):
            (copy / "manifest.json").write_text(text)
            with pytest.raises(Misconfigured, match="incomplete"):
                verify_model(copy)

    @pytest.mark.parametrize("manifest", ["[]", '{"model": "m", "files": {}}', '{"files": {}}'])
    def test_a_manifest_of_another_shape_is_refused(self, copy: Path, manifest: str) -> None:
        """A manifest that forgets the model is not an untyped error."""
        (copy / "manifest.json").write_text(manifest)
        with pytest.raises(Misconfigured):
            verify_model(copy)

    def test_another_projection_is_another_identity(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Token vectors of another projection must not meet those in the index."""
        before = verify_model().identity
        changed = tmp_path / "projection.npy"
        np.save(changed, np.load(minilm.PROJECTION) * 1.001)
        monkeypatch.setattr(minilm, "PROJECTION", changed)
        assert verify_model().identity != before

    async def test_a_model_that_does_not_load_is_an_outage(self, copy: Path) -> None:
        """Right hashes but no model: the question fails with a typed error, start does not."""
        onnx = copy / "model.onnx"
        onnx.unlink()
        onnx.write_bytes(b"no model")
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["files"]["model.onnx"] = sha256(b"no model").hexdigest()
        (copy / "manifest.json").write_text(json.dumps(manifest))
        held = MiniLmEmbedder(copy, document_threads=1)
        try:
            with pytest.raises(EmbedderUnavailable, match="could not be loaded"):
                await held.embed_question("leave")
            with pytest.raises(EmbedderUnavailable):
                await held.embed_passages([passage("leave")])
        finally:
            held.close()


class TestManners:
    """Questions first, and the event loop never waits."""

    pytestmark = needs_model

    async def test_the_event_loop_goes_on_and_questions_overtake(self) -> None:
        """While documents are computed the loop ticks, and a question comes out before them."""
        embedder = MiniLmEmbedder(document_threads=1)
        many = [passage("A rule about leave and pay. " * 25) for _ in range(3 * TURN)]
        ticks = 0
        async with asyncio.timeout(LONG_WAIT_S), asyncio.TaskGroup() as group:
            documents = group.create_task(embedder.embed_passages(many))
            while embedder._turns._documents == 0:  # noqa: ASYNC110  A thread counts these.
                await asyncio.sleep(0.001)
            question = await embedder.embed_question("How much leave?")
            overtaken = not documents.done()
            while not documents.done():
                await asyncio.sleep(0.005)
                ticks += 1
        embedder.close()
        assert overtaken
        assert np.isfinite(question.dense).all()
        assert ticks >= 10

    async def test_questions_from_many_readers_all_come_out(self, embedder: MiniLmEmbedder) -> None:
        """Questions asked at once do not mix up their answers."""
        texts = [f"Where is rule {n}?" for n in range(12)]
        together = await asyncio.gather(*map(embedder.embed_question, texts))
        for text, vectors in zip(texts, together, strict=True):
            assert vectors.sparse == (await embedder.embed_question(text)).sparse
            assert (vectors.dense == (await embedder.embed_question(text)).dense).all()


class TestTurns:
    """The gate between questions and documents, without any model."""

    @staticmethod
    def _batch(
        gate: minilm._QuestionsFirst, entered: threading.Semaphore, leave: threading.Event
    ) -> Callable[[], None]:
        def work() -> None:
            with gate.document():
                entered.release()
                assert leave.wait(LONG_WAIT_S)

        return work

    def test_one_batch_runs_while_a_question_is_in_hand(self) -> None:
        """Of three batches one is let in at once, and the others once the question is out."""
        gate, entered, leave = minilm._QuestionsFirst(), threading.Semaphore(0), threading.Event()
        with ThreadPoolExecutor(3) as pool:
            with gate.question():
                work = [pool.submit(self._batch(gate, entered, leave)) for _ in range(3)]
                assert entered.acquire(timeout=LONG_WAIT_S)
                # No condition tells that a thread will stay out; a broken gate lets it in at once.
                assert not entered.acquire(timeout=0.1)
            assert entered.acquire(timeout=LONG_WAIT_S)
            assert entered.acquire(timeout=LONG_WAIT_S)
            leave.set()
            for each in work:
                each.result(LONG_WAIT_S)

    def test_documents_are_not_starved_by_questions(self) -> None:
        """With a question always in hand the batches run one after the other."""
        gate, entered, leave = minilm._QuestionsFirst(), threading.Semaphore(0), threading.Event()
        leave.set()
        with gate.question(), gate.question(), ThreadPoolExecutor(3) as pool:
            work = [pool.submit(self._batch(gate, entered, leave)) for _ in range(6)]
            for each in work:
                each.result(LONG_WAIT_S)
        assert entered.acquire(timeout=0)

    def test_a_failed_question_and_a_failed_batch_leave_the_gate_open(self) -> None:
        """An error inside gives the turn back."""
        gate = minilm._QuestionsFirst()
        for turn in (gate.question, gate.document):
            with pytest.raises(ValueError, match="inside"), turn():
                raise ValueError("inside")
        entered, leave = threading.Semaphore(0), threading.Event()
        with ThreadPoolExecutor(2) as pool:
            work = [pool.submit(self._batch(gate, entered, leave)) for _ in range(2)]
            assert entered.acquire(timeout=LONG_WAIT_S)
            assert entered.acquire(timeout=LONG_WAIT_S)
            leave.set()
            for each in work:
                each.result(LONG_WAIT_S)
