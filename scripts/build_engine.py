"""Builds the incident engine as one file that any Python 3.11 runs: dist/incident-engine.pyz.

It holds the engine, our runbooks, and the pure Python packages that it needs, in the versions that
are installed here. A broken release of the product does not take it along.
"""

import importlib.metadata
import shutil
import sys
import tempfile
import zipapp
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEEDED = ("click", "markdown-it-py", "mdurl")
OUTSIDE = ("../", "/")


def build(target: Path) -> Path:
    """Write the program to `target` and return it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ours = folder / "info_assistant"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src/info_assistant/runbooks", ours / "runbooks", ignore=ignored)
        (ours / "__init__.py").write_text('"""Holds the incident engine only."""\n')
        shutil.copytree(ROOT / "runbooks", ours / "runbooks" / "content")
        for name in NEEDED:
            _copy(name, folder)
        main = "from info_assistant.runbooks.__main__ import engine\n\nengine()\n"
        (folder / "__main__.py").write_text(main)
        zipapp.create_archive(folder, target, interpreter="/usr/bin/env python3", compressed=True)
    return target


def _copy(name: str, folder: Path) -> None:
    """Copy the files of an installed package, its licence too."""
    for file in importlib.metadata.files(name) or ():
        if str(file).startswith(OUTSIDE) or file.suffix in {".pyc", ".so"}:
            continue
        place = folder / str(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), place)


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "incident-engine.pyz"))
