"""Rules about the sources that no other tool holds."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from info_assistant.settings import describe_variables

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "info_assistant"
LONGEST_MODULE, LONGEST_TEST_MODULE = 400, 500
LONGEST_FUNCTION = 60
SLOW_OR_FOREIGN = {"qdrant_client", "qdrant_edge", "obstore", "onnxruntime", "fastapi", "kreuzberg"}
TEXT_SUFFIXES = {".py", ".md", ".toml", ".in", ".txt", ".sh", ".html", ".css", ".csv", ".jsonl", ""}
BUILT = {".git", ".venv", ".hypothesis", "data", "dist", "build", "minilm_weights", "__pycache__"}


def our_files() -> Iterator[Path]:
    """Yield every file of the project that people write or generate into it."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if BUILT & set(parts) or any(part.endswith(("_cache", ".egg-info")) for part in parts):
            continue
        if path.is_file() and path.suffix in TEXT_SUFFIXES:
            yield path


def modules() -> list[Path]:
    """Return all Python files of the project."""
    return [path for path in our_files() if path.suffix == ".py"]


def test_modules_and_functions_stay_small() -> None:
    """No module has more than 400 lines (of tests: 500), no function more than 60."""
    too_long = []
    for path in modules():
        source = path.read_text(encoding="utf-8")
        tests = path.is_relative_to(ROOT / "tests")
        if len(source.splitlines()) > (LONGEST_TEST_MODULE if tests else LONGEST_MODULE):
            too_long.append(f"{path.relative_to(ROOT)}: {len(source.splitlines())} lines")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines")
    assert too_long == []


def test_every_package_and_module_says_what_it_is_for() -> None:
    """Each module of the product begins with a docstring of its own."""
    silent = [
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        if len(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") < 20
    ]
    assert silent == []


# Spelt in pieces, so that this file does not name what it looks for.
HOSTS = ("pypi" + ".org", "python" + "hosted", "hugging" + "face.co", "npmjs" + ".org")
ABSOLUTE = re.compile(r"(?<![\w.~:/>])/(?:home|work|root|Users|opt|var|srv|mnt)/\w")
SHOWN_TO_PEOPLE = re.compile(r"DATA_DIR=/srv/assistant|/var/lib/apt/lists")


def test_no_file_names_a_package_host_or_a_place_on_one_machine() -> None:
    """Package hosts and absolute paths are the business of the machine that runs this."""
    named = []
    for path in our_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        found = [host for host in HOSTS if host in text]
        found += ABSOLUTE.findall(SHOWN_TO_PEOPLE.sub("", text))
        named += [f"{path.relative_to(ROOT)}: {each}" for each in found]
    assert named == []


def test_every_rule_that_is_switched_off_says_why() -> None:
    """Each ignored lint rule in pyproject.toml carries a comment, itself or for its whole row."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    begin = lines.index("[tool.ruff.lint]")
    end = lines.index("[tool.ruff.lint.flake8-tidy-imports]")
    rules = [line for line in lines[begin:end] if re.search(r'"[A-Z]+\d*"', line)]
    silent = [line for line in rules if "#" not in line and "select" not in line]
    assert len(rules) > 5
    assert silent == []


@pytest.mark.parametrize(
    ("module", "also_too_heavy"),
    [
        ("info_assistant.cli.main", {"httpx2", "rich", "numpy", "pydantic"}),
        ("info_assistant.web.app", {"numpy"}),
    ],
)
def test_importing_a_role_loads_no_more_than_it_uses(module: str, also_too_heavy: set[str]) -> None:
    """Command line and web page stay light: no vendor's SDK comes with them."""
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & (SLOW_OR_FOREIGN | also_too_heavy)


def test_every_setting_is_documented() -> None:
    """docs/settings.md has each environment variable, in the words that settings gives it."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {words} |" for name, words in describe_variables().items()]
    assert [row for row in rows if row not in page] == []
    assert page.count("\n| `") == len(rows), "a variable is documented that nobody reads"


def test_dependencies_are_pinned_with_hashes_and_agree_with_the_project() -> None:
    """Each requirement in the lock files is exact and hashed; each dependency is locked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    locked = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    names = [re.split(r"[=<>\[;]", each)[0].lower() for each in project["project"]["dependencies"]]
    assert [name for name in names if not re.search(rf"^{name}==", locked, re.MULTILINE)] == []
    for name in ("run.txt", "build.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        blocks = re.findall(r"^\S+==\S+.*(?:\n    .*)*", text, re.MULTILINE)
        assert blocks
        assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    tool = json.loads((ROOT / "requirements/pa11y/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: each for name, each in tool["packages"].items() if name}
    assert packages
    assert [name for name, each in packages.items() if "integrity" not in each] == []
    assert [name for name, each in packages.items() if "resolved" in each] == []
