"""all-MiniLM-L6-v2 on onnxruntime: sentence vectors, and one short vector for each word piece.

The runtime releases the interpreter's lock while it computes, so one session with one thread of
its own serves several of our threads at once. Questions have their own thread; document threads
run at a lower priority and all but one of them pause while a question is being embedded.
"""

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Encoding, Tokenizer

from info_assistant.errors import EmbedderUnavailable, Misconfigured
from info_assistant.model.passage import (
    Passage,
    PassageVectors,
    QuestionVectors,
    Span,
)
from info_assistant.model.vectors import Floats
from info_assistant.providers.bm25 import TermVectors
from info_assistant.resilience.priority import Priority, stand_back

DIMENSION = 384
TOKEN_DIMENSION = 128
MAX_TOKENS = 256
"""The length that the model was trained on; anything longer is cut."""

TURN = 8
"""Passages that a thread computes before it hands in its results."""

DEFAULT_FOLDER = Path(__file__).parent / "minilm_weights"
PROJECTION = Path(__file__).parent / "minilm_token_projection.npy"
_INT8_SCALE = 127.0


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A verified model on disk; `identity` names it and its hashes."""

    folder: Path
    identity: str


def verify_model(folder: Path = DEFAULT_FOLDER) -> ModelFiles:
    """Check every file of the model against its hash.

    Raises:
        Misconfigured: files are missing or not the ones that were built.
    """
    remedy = "Run `make install` again, or reinstall the package, to get a whole model."
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        name, published = manifest["model"], manifest["files"]
        digests = {file: _sha256(folder / file) for file in published}
        weights, projection = digests["model.onnx"], _sha256(PROJECTION)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"The embedding model in {folder} is incomplete. {remedy}") from error
    if digests != published:
        raise Misconfigured(f"The embedding model in {folder} has been altered. {remedy}")
    mark = hashlib.sha256((weights + projection).encode()).hexdigest()
    return ModelFiles(folder, f"{name}-{mark[:12]}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text after the model; `hidden` and `offsets` have a row for each ordinary word piece."""

    dense: Floats
    hidden: Floats
    offsets: tuple[tuple[int, int], ...]


class MiniLmModel:
    """The model itself: synchronous, and safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Load the session and the tokenizer (about 0.1 s, 60 MB)."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # The arena keeps the largest batch for ever (0.5 GB); plain allocation costs nothing here.
        options.enable_cpu_mem_arena = False
        self._session = ort.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # The shipped file cuts and pads to 128, silently.
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._counter = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._counter.no_truncation()
        self._counter.no_padding()

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return how many word pieces each text has, special ones left out."""
        encodings = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]

    def tokenize(self, texts: Sequence[str]) -> list[Encoding]:
        """Return the word pieces of each text, cut at MAX_TOKENS."""
        return list(self._tokenizer.encode_batch(list(texts)))

    def run(self, encoding: Encoding) -> Encoded:
        """Compute one text.

        Always one at a time: the int8 runtime scales a batch as a whole, so that in company a text
        would get other vectors each time. It is also as fast as any batch, without padding.
        """
        ids = np.array([encoding.ids], np.int64)
        hidden, sentence = self._session.run(
            ["tokens", "sentence"], {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        )
        return Encoded(
            np.asarray(sentence, np.float32)[0],
            np.asarray(hidden, np.float32)[0, 1:-1],
            tuple(encoding.offsets[1:-1]),
        )


class _QuestionsFirst:
    """Lets one document thread compute while questions are in hand, and all of them otherwise."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._questions = 0
        self._documents = 0

    @contextmanager
    def question(self) -> Iterator[None]:
        with self._changed:
            self._questions += 1
        try:
            yield
        finally:
            with self._changed:
                self._questions -= 1
                self._changed.notify_all()

    @contextmanager
    def document(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._questions == 0 or self._documents == 0)
            self._documents += 1
        try:
            yield
        finally:
            with self._changed:
                self._documents -= 1
                self._changed.notify_all()


class MiniLmEmbedder:
    """The embedder of the product, off the event loop. Implements `ports.Embedder`."""

    def __init__(self, folder: Path = DEFAULT_FOLDER, *, document_threads: int = 0) -> None:
        """Verify the files now and load them at the first use.

        `document_threads` compute documents; 0 means one for each core but one, which is left
        to questions, to reading and to the store.

        Raises:
            Misconfigured: the model is missing or altered.
        """
        self._files = verify_model(folder)
        self._projection: Floats = np.load(PROJECTION).astype(np.float32)
        self._model: MiniLmModel | None = None
        self._loading = threading.Lock()
        self._terms = threading.local()
        self._turns = _QuestionsFirst()
        self._question_thread = ThreadPoolExecutor(1, "embed-question")
        self._document_threads = ThreadPoolExecutor(
            document_threads or max(1, (os.cpu_count() or 2) - 1),
            "embed-document",
            initializer=stand_back,
            initargs=(Priority.EMBEDDING,),
        )

    @property
    def identity(self) -> str:
        """The model's name with the hash of its weights and of the token projection."""
        return self._files.identity

    async def warm_up(self) -> None:
        """Load the model ahead of the first question."""
        await self.embed_question("ready")

    async def ping(self) -> None:
        """Return if the model is loaded, and load it if it is not. Raises EmbedderUnavailable."""
        if self._model is None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._question_thread, self._loaded)

    def close(self) -> None:
        """Stop the threads once the batches in hand are done."""
        self._question_thread.shutdown(wait=False, cancel_futures=True)
        self._document_threads.shutdown(wait=False, cancel_futures=True)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return how many word pieces each text has; blocking, for use in a thread."""
        return self._loaded().count(texts)

    async def embed_question(self, text: str) -> QuestionVectors:
        """Embed a question ahead of any document work (about 2 ms on one core)."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._question_thread, self._question, text)

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Embed passages with their context, on all document threads."""
        loop = asyncio.get_running_loop()
        pool = self._document_threads
        texts = [_embedded_text(passage) for passage in passages]
        encodings = await loop.run_in_executor(pool, lambda: self._loaded().tokenize(texts))
        turns = [slice(at, at + TURN) for at in range(0, len(passages), TURN)]
        results = await asyncio.gather(
            *(
                loop.run_in_executor(pool, self._turn, passages[turn], encodings[turn])
                for turn in turns
            )
        )
        return [vectors for done in results for vectors in done]

    def _question(self, text: str) -> QuestionVectors:
        with self._turns.question():
            model = self._loaded()
            encoded = model.run(model.tokenize([text])[0])
            return QuestionVectors(
                dense=encoded.dense,
                sparse=self._own_terms().question(text),
                tokens=self._project(encoded.hidden),
            )

    def _turn(
        self, passages: Sequence[Passage], encodings: Sequence[Encoding]
    ) -> list[PassageVectors]:
        model = self._loaded()
        done = []
        for passage, encoding in zip(passages, encodings, strict=True):
            with self._turns.document():
                done.append(self._vectors(passage, model.run(encoding)))
        return done

    def _vectors(self, passage: Passage, encoded: Encoded) -> PassageVectors:
        tokens = np.rint(self._project(encoded.hidden) * _INT8_SCALE).astype(np.int8)
        return PassageVectors(
            dense=encoded.dense,
            sparse=self._own_terms().passage(_embedded_text(passage)),
            tokens=tokens,
            token_spans=_token_spans(passage, encoded.offsets),
        )

    def _project(self, hidden: Floats) -> Floats:
        short = hidden @ self._projection
        unit: Floats = short / np.linalg.norm(short, axis=1, keepdims=True).clip(1e-6)
        return unit

    def _own_terms(self) -> TermVectors:
        if not hasattr(self._terms, "vectors"):
            self._terms.vectors = TermVectors()
        vectors: TermVectors = self._terms.vectors
        return vectors

    def _loaded(self) -> MiniLmModel:
        with self._loading:
            if self._model is None:
                try:
                    self._model = MiniLmModel(self._files.folder)
                except Exception as error:  # The runtime raises bare ones.
                    raise EmbedderUnavailable(
                        "The embedding model could not be loaded, so nothing can be searched. "
                        "`info-assistant doctor` says what is wrong with it."
                    ) from error
            return self._model


def _embedded_text(passage: Passage) -> str:
    context = passage.embedded_context
    return f"{context}\n{passage.text}" if context else passage.text


def _token_spans(passage: Passage, offsets: Sequence[tuple[int, int]]) -> tuple[Span, ...]:
    """Return the range of word pieces that lie in each statement of the passage."""
    context = passage.embedded_context
    shift = len(context) + 1 if context else 0
    starts: npt.NDArray[np.int64] = np.array([start for start, _ in offsets], np.int64)
    edges = [(span.start + shift, span.end + shift) for span in passage.statements]
    places = np.searchsorted(starts, np.array(edges, np.int64).reshape(-1))
    return tuple(
        Span(int(first), int(last)) for first, last in zip(places[::2], places[1::2], strict=True)
    )
