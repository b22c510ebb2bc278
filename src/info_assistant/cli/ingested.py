"""What was taken in from a folder of this machine: the only documents that `--prune` may remove.

The library knows sources, not folders; two folders may have sources that look alike. So each
command notes, in a file of its own below DATA_DIR, what it handed in from which folder. Where that
file is lost nothing can be removed by mistake: the next run notes again what is still there.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path


class Ingested:
    """The documents taken in from one folder, for one tenant of one backend."""

    def __init__(self, data_dir: Path, root: Path, about: tuple[str, ...]) -> None:
        """Keep the notes on `root`; `about` tells backends, tenants and prefixes apart."""
        name = "\0".join([*about, str(root.resolve())])
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        self.root = root
        self._path = data_dir / "ingested" / f"{digest[:32]}.jsonl"
        self._known: dict[str, str] = {}
        self._load()

    @property
    def documents(self) -> Mapping[str, str]:
        """The ids of the documents by their source."""
        return self._known

    def note(self, source: str, document_id: str) -> None:
        """Remember a document."""
        if self._known.get(source) == document_id:
            return
        self._known[source] = document_id
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(source, document_id))

    def forget(self, sources: Iterable[str]) -> None:
        """Forget documents that were removed."""
        for source in sources:
            self._known.pop(source, None)
        lines = "".join(_line(*each) for each in self._known.items())
        temporary = self._path.with_suffix(".new")
        temporary.write_text(lines, encoding="utf-8")
        temporary.replace(self._path)

    def _load(self) -> None:
        with suppress(FileNotFoundError), self._path.open(encoding="utf-8") as file:
            for line in file:
                # The last line may be half a line: the machine stopped while it was written.
                with suppress(ValueError, KeyError):
                    fields = json.loads(line)
                    self._known[fields["source"]] = fields["id"]


def _line(source: str, document_id: str) -> str:
    return json.dumps({"source": source, "id": document_id}, ensure_ascii=False) + "\n"
