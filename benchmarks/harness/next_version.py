"""A build of the product as the next version might be, for trials of two versions side by side."""

import shutil
from pathlib import Path

from benchmarks.harness.report import ROOT

MARK = "from_the_next_version"
"""The name of the field that this build adds to everything that it stores."""

PRESENT = ROOT / "src"
"""The sources of the present version."""

_WEIGHTS = Path("info_assistant") / "providers" / "minilm_weights"
_SCHEMA = Path("info_assistant") / "model" / "schema.py"
_NOW = 'return {"schema": CURRENT[kind], **fields}'
_THEN = f'return {{"schema": CURRENT[kind] + 1, **fields, "{MARK}": {{"of": [kind.value]}}}}'


def build_next(folder: Path) -> Path:
    """Copy our sources into `folder`, every schema one higher and with a field nobody knows.

    Returns the folder for PYTHONPATH. Raises ValueError if the place to change is not found.
    """
    source = folder / "src"
    shutil.copytree(PRESENT, source, ignore=shutil.ignore_patterns("__pycache__", _WEIGHTS.name))
    # Large, and the same in both versions.
    (source / _WEIGHTS).symlink_to(PRESENT / _WEIGHTS)
    schema = source / _SCHEMA
    text = schema.read_text()
    if text.count(_NOW) != 1:
        raise ValueError(f"{_SCHEMA} does not stamp what is stored by: {_NOW}")
    schema.write_text(text.replace(_NOW, _THEN))
    return source
