"""Verifying a backup: checksums, a restore into a scratch place, golden questions.

Only then is it called good. The restore is the ordinary one, so that its time is what a restore
takes on this machine.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from info_assistant.errors import InfoAssistantError, StoredDataInvalid
from info_assistant.evaluation.scratch import scratch_place, until_ready
from info_assistant.ingestion.rebuild import rebuild_qdrant
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.ids import new_id
from info_assistant.model.question import Question
from info_assistant.observability.log import configure_logging
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.deadline import REQUEST_SECONDS, Deadline
from info_assistant.settings import Settings
from info_assistant.stores.backup.copying import Progress, catalogued, counts_of
from info_assistant.stores.backup.golden import GoldenQuestion, decoded_questions
from info_assistant.stores.backup.manifest import Manifest, StoredObject, Verification
from info_assistant.stores.backup.packs import sha256_of
from info_assistant.stores.backup.shelf import Shelf
from info_assistant.wiring.application import build
from info_assistant.wiring.backup import RestoreOrder, grounded, restore_backup
from info_assistant.wiring.golden import finds

_MOST_FINDINGS = 20


@dataclass(slots=True)
class BackupVerifier:
    """Verifies one backup; `scratch` is a folder with room for what is restored."""

    shelf: Shelf
    on_progress: Progress
    scratch: Path | None = None
    questions: Sequence[GoldenQuestion] = ()
    _findings: list[str] = field(default_factory=list)
    _restore_s: float = 0.0

    async def verify(self, backup_id: str) -> Verification:
        """Verify a backup whole, and keep beside it what came of that.

        Raises NotFound where there is no such backup, ObjectStorageUnavailable.
        """
        asked: Sequence[GoldenQuestion] = ()
        manifest = await self._checked(backup_id)
        if manifest is not None and not self._findings:
            try:
                asked = self.questions or decoded_questions(await self.shelf.read(manifest.golden))
                await self._restored(manifest, asked)
            except StoredDataInvalid as exc:
                self._findings.append(exc.message)
        found = Verification(
            at=SystemClock().now(),
            good=not self._findings,
            findings=tuple(self._findings[:_MOST_FINDINGS]),
            restore_s=round(self._restore_s, 3),
            questions=len(asked),
        )
        await self.shelf.record(backup_id, found)
        return found

    async def check(self, backup_id: str) -> Sequence[str]:
        """Compare all checksums and sums, without a restore; return what is wrong, in words."""
        await self._checked(backup_id)
        return self._findings

    async def _checked(self, backup_id: str) -> Manifest | None:
        found = await self.shelf.look(backup_id)
        if found.fault:
            self._findings.append(found.fault)
        if found.manifest is None:
            # Raises NotFound where it is only not complete.
            return None if found.fault else await self.shelf.chosen(backup_id)
        await self._check_files(found.manifest)
        return found.manifest

    async def _check_files(self, manifest: Manifest) -> None:
        for each in manifest.files:
            try:
                async with self.shelf.blobs.file(each.key) as path:
                    if sha256_of(path) != each.sha256 or path.stat().st_size != each.size:
                        self._findings.append(f"{each.key} is damaged: its checksum does not fit.")
            except InfoAssistantError as exc:
                self._findings.append(f"{each.key}: {exc.message}")
        for number, (pack, size) in enumerate(manifest.packs.items(), 1):
            if words := await self.shelf.packs.check(pack, size):
                self._findings.append(words)
            self.on_progress("checksums", number, len(manifest.packs))
        if not self._findings:
            await self._check_sums(manifest, await self.shelf.objects(manifest))

    async def _check_sums(self, manifest: Manifest, objects: Sequence[StoredObject]) -> None:
        sums = (len(objects), sum(each.size for each in objects))
        if sums != (manifest.object_count, manifest.object_bytes):
            self._findings.append("The list of objects is not the one that the manifest counted.")
        if not {each.pack for each in objects} <= manifest.packs.keys():
            self._findings.append("The list of objects names packs that the manifest does not.")
        catalogue = await catalogued(self.shelf.packs, objects)
        counted = counts_of(catalogue, [each.key for each in objects])
        stated = {name: manifest.counts.get(name) for name in counted}
        if counted != stated:
            self._findings.append(f"The backup holds {counted}; its manifest says {stated}.")

    async def _restored(self, manifest: Manifest, asked: Sequence[GoldenQuestion]) -> None:
        async with scratch_place(self.scratch) as settings:
            configure_logging(settings.log_level)
            application = build(settings)
            await until_ready(application)
            began = time.monotonic()
            order = RestoreOrder(manifest.id, even_bad=True, settle_s=0)
            outcome = await restore_backup(settings, self.shelf, order, self.on_progress)
            if not outcome.points:
                # The backup has nothing of Qdrant that fits: the documents are taken in again.
                await rebuild_qdrant(
                    application.stores,
                    SystemClock(),
                    application.worker,
                    lambda done, total: self.on_progress("taking documents in", done, total),
                )
            self._restore_s = time.monotonic() - began
            await application.close()
            await self._compare(settings, manifest, outcome.points)
            await self._ask(settings, asked)

    async def _compare(
        self, settings: Settings, manifest: Manifest, points: Mapping[str, int]
    ) -> None:
        async with grounded(settings) as base:
            there = {entry.key: entry.size async for entry in base.blobs.entries("")}
            wanted = await self.shelf.objects(manifest)
            missing = [each.key for each in wanted if there.get(each.key) != each.size]
            if missing:
                self._findings.append(f"{len(missing)} objects were not restored: {missing[0]}, …")
            living = sum([1 async for _ in base.stores.catalogue.living()])
            if living != manifest.counts["documents"]:
                self._findings.append(
                    f"{living} documents came back of {manifest.counts['documents']}."
                )
            for alias, count in points.items():
                self.on_progress(f"{alias}: {count} points", 1, 1)

    async def _ask(self, settings: Settings, asked: Sequence[GoldenQuestion]) -> None:
        application = build(settings)
        async with application.running(), grounded(settings) as base:
            for number, each in enumerate(asked, 1):
                scope = AccessScope(each.tenant, frozenset(each.groups))
                caller = Caller("verification", Role.READER, scope)
                async with Deadline.after(REQUEST_SECONDS).enforced("Answering the question"):
                    await application.pipeline.answer(Question(new_id(), each.question, caller))
                if not await finds(base, each):
                    self._findings.append(f"A golden question no longer finds {each.document_id}.")
                self.on_progress("golden questions", number, len(asked))
