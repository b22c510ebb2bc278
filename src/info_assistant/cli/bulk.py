"""Keeps the library in step with folders: takes in what changed, removes what is gone."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import click

from info_assistant.cli.backend import Backend
from info_assistant.cli.files import Found, Selection, select
from info_assistant.cli.ingested import Ingested
from info_assistant.cli.output import progress, say
from info_assistant.cli.sending import Outcome, Sender, known_documents
from info_assistant.errors import NotFound
from info_assistant.settings import Settings

_WORTH_ASKING = 20
"""From so many files on the library is asked which of them it holds, before any is sent."""
_LOOK_S = 2.0
_SHOWN_GONE = 20

Stamp = tuple[int, int]
"""When a file was changed last, in nanoseconds, and its size."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person wants done with the files and folders `paths`."""

    paths: tuple[Path, ...]
    prefix: str = ""
    access: tuple[str, ...] = ()
    watch: bool = False
    prune: bool = False
    yes: bool = False


class Bulk:
    """Files and folders on their way into the library."""

    def __init__(self, backend: Backend, wishes: Wishes, notes: Sequence[Ingested]) -> None:
        """Work for `wishes`; `notes` tells what was taken in from each folder before."""
        self._backend = backend
        self._wishes = wishes
        self._notes = notes
        self._sent: Mapping[str, Stamp] = {}

    @classmethod
    async def on(cls, backend: Backend, wishes: Wishes, settings: Settings) -> Self:
        """Return one for the tenant whom the backend knows us as."""
        folders = [path for path in wishes.paths if path.is_dir()]
        me = await backend.call("GET", "/v1/me") if folders else {}
        about = (settings.backend_url, str(me.get("tenant")), wishes.prefix)
        return cls(backend, wishes, [Ingested(settings.data_dir, each, about) for each in folders])

    async def once(self, selection: Selection) -> Sequence[Outcome]:
        """Take in what is selected, then remove what is gone if that is wanted."""
        # From before the sending: what changes meanwhile is a change for `watch`.
        self._sent = await asyncio.to_thread(_stamps, selection.files)
        outcomes = await self._send(selection.files) if selection.files else []
        if self._wishes.prune:
            await self._prune(ask=not self._wishes.yes)
        return outcomes

    async def watch(self) -> None:
        """Take in what has changed since `once` began, and what changes from here on.

        It ends when it is cancelled.

        A file counts as changed once it has stayed as it is from one look to the next, so that none
        is sent while it is written.
        """
        say("Watching for changes. Ctrl-C ends this.")
        sent = before = self._sent
        while True:
            await asyncio.sleep(_LOOK_S)
            found = await asyncio.to_thread(select, self._wishes.paths, self._wishes.prefix)
            now = await asyncio.to_thread(_stamps, found.files)
            changed = [
                each
                for each in found.files
                if each.source in now
                and now[each.source] != sent.get(each.source)
                and now[each.source] == before.get(each.source)
            ]
            if changed:
                await self._send(changed)
                sent = {**sent, **{each.source: now[each.source] for each in changed}}
            if self._wishes.prune and sent.keys() - now.keys() - before.keys():
                await self._prune(ask=not self._wishes.yes)
                sent = {source: stamp for source, stamp in sent.items() if source in now}
            before = now

    async def _send(self, files: Sequence[Found]) -> Sequence[Outcome]:
        known = None
        if len(files) >= _WORTH_ASKING:
            known = await known_documents(self._backend, {each.source for each in files})
        with progress("Taking in documents", len(files)) as done:
            sender = Sender(
                self._backend,
                done,
                access=self._wishes.access,
                known=known,
                accepted=self._note,
            )
            return await sender.send(files)

    def _note(self, found: Found, document_id: str) -> None:
        for notes in self._notes:
            if found.path.is_relative_to(notes.root):
                notes.note(found.source, document_id)

    async def _prune(self, *, ask: bool) -> None:
        for notes in self._notes:
            gone = await asyncio.to_thread(self._gone, notes)
            if not gone:
                continue
            if not any(notes.root.iterdir()):
                say(
                    f"{notes.root} is empty, perhaps because a disk is not there. Nothing was "
                    "removed."
                )
                continue
            for source in gone[:_SHOWN_GONE]:
                say(f"Gone: {source}")
            question = f"Remove {len(gone)} document(s) whose file is gone, for good?"
            if ask and not await asyncio.to_thread(click.confirm, question, err=True):
                continue
            for source in gone:
                await self._remove(notes.documents[source])
            notes.forget(gone)
            say(f"{len(gone)} removed")

    def _gone(self, notes: Ingested) -> list[str]:
        """Return the sources that were taken in from a folder and have no file there any more."""
        prefix = self._wishes.prefix
        return [
            source
            for source in notes.documents
            # A link that leads nowhere is still there.
            if not _lexists(notes.root / source.removeprefix(prefix))
        ]

    async def _remove(self, document_id: str) -> None:
        try:
            await self._backend.call("DELETE", f"/v1/documents/{document_id}")
        except NotFound:
            # Somebody was faster.
            return


def _lexists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _stamps(files: Sequence[Found]) -> Mapping[str, Stamp]:
    stamps: dict[str, Stamp] = {}
    for each in files:
        try:
            about = each.path.stat()
        except OSError:
            continue
        stamps[each.source] = about.st_mtime_ns, about.st_size
    return stamps
