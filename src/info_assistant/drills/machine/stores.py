"""What the machine keeps on this disk, and how it is lost."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from info_assistant.drills.machine.faults import FaultNotShown


@dataclass(frozen=True, slots=True)
class Stores:
    """The folders of one machine."""

    folder: Path

    @property
    def objects(self) -> Path:
        """Object storage, which all backends share."""
        return self.folder / "objects"

    @property
    def backups(self) -> Path:
        """Where backups are kept."""
        return self.folder / "backups"

    @property
    def qdrant(self) -> Path:
        """The volume of the real peer of Qdrant."""
        return self.folder / "volumes" / "qdrant-0"

    def lose_data(self) -> None:
        """Empty object storage and the volume of Qdrant. Raises FaultNotShown."""
        for folder in (self.objects, self.qdrant / "qdrant"):
            if not any(folder.iterdir()):
                raise FaultNotShown(f"{folder} held nothing that could be lost")
            for each in folder.iterdir():
                _remove(each)

    def damage_backups(self) -> None:
        """Cut off the end of each large file of the backups. Raises FaultNotShown."""
        files = [each for each in self.backups.rglob("*") if each.is_file()]
        packs = [each for each in files if "packs" in each.parts] or files
        if not packs:
            raise FaultNotShown(f"there is no backup in {self.backups}")
        for each in packs:
            each.chmod(0o600)
            each.write_bytes(each.read_bytes()[:-20])


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
