"""Documents and questions: the shared library where it is present, else the samples, repeated."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx2
from benchmarks.harness.report import ROOT

from info_assistant.ingestion.originals import MEDIA_TYPES

_SHARED = ROOT.parent / "shared"
_LIBRARY = _SHARED / "library"
_SAMPLES = ROOT / "samples" / "documents"
_CLIENT_S, _READY_S = 30.0, 120.0
_REPEATS = 8
"""How often the samples are taken in under other names, to give a library of some size."""


@dataclass(frozen=True, slots=True)
class File:
    """A document's bytes and the path under which it is uploaded."""

    source: str
    data: bytes

    def copy(self, number: int) -> "File":
        """Return the document under another name, with other bytes and the same words."""
        path = PurePosixPath(self.source)
        # Readers do not see white space at the end; a DOCX is an archive and stays as it is.
        data = self.data if path.suffix == ".docx" else self.data + b"\n" * number
        return File(f"copy-{number}/{self.source}", data)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents, and whole questions to ask about them."""

    name: str
    files: tuple[File, ...]
    questions: tuple[str, ...]


def corpus(*, quick: bool = False) -> Corpus:
    """Return the shared library if it is here, else the samples repeated; `quick` is a few."""
    if quick:
        return samples(quick=True)
    if _LIBRARY.is_dir():
        return Corpus("../shared/library", _files(_LIBRARY), _questions(_SHARED / "evaluation"))
    own = samples(quick=False)
    copies = tuple(file.copy(number) for number in range(1, _REPEATS) for file in own.files)
    return Corpus(f"samples, {_REPEATS} times", own.files + copies, own.questions)


def samples(*, quick: bool) -> Corpus:
    """Return the sample library; `quick` is a few of its documents and questions."""
    files, questions = _files(_SAMPLES), _questions(ROOT / "samples")
    return (
        Corpus("4 samples", files[:4], questions[:5])
        if quick
        else (Corpus("samples", files, questions))
    )


def _files(folder: Path) -> tuple[File, ...]:
    """Return what can be taken in; a file without content would be refused."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_TYPES)
    found = [File(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]
    return tuple(file for file in found if file.data)


def _questions(folder: Path) -> tuple[str, ...]:
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["question"] for line in lines)


async def take_in(files: Sequence[File], url: str) -> None:
    """Hand in documents at a backend and wait until they can be asked about."""
    async with httpx2.AsyncClient(base_url=url, timeout=_CLIENT_S, trust_env=False) as client:
        ids = []
        for file in files:
            sent = {"file": (PurePosixPath(file.source).name, file.data)}
            reply = await client.post("/v1/documents", files=sent, data={"source": file.source})
            if not reply.is_success:
                raise RuntimeError(f"a document was not taken: {reply.status_code} {reply.text}")
            ids.append(reply.json()["documents"][0]["id"])
        async with asyncio.timeout(_READY_S):
            for each in ids:
                path = f"/v1/documents/{each}"
                while (await client.get(path)).json()["state"] != "ready":  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
