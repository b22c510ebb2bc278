"""The container files are sound, and what is run in their image exists; nothing is built here."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from scripts import build_images, slim_environment

from info_assistant.cli.main import ENTRIES

ROOT = Path(__file__).parents[2]
CONTAINERFILES = sorted((ROOT / "deploy" / "containers").glob("*/Containerfile"))
APPLICATION = ROOT / "deploy" / "containers" / "application" / "Containerfile"
ROLES = {"serve", "frontend", "worker"}


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.parent.name)
def test_a_container_file_passes_the_linter(path: Path) -> None:
    """Hadolint has nothing to say about it."""
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.parent.name)
def test_an_image_runs_without_rights_on_a_pinned_base(path: Path) -> None:
    """The last user of each image is 10001, and each base has a version."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE)[-1] == "10001:10001"
    bases = re.findall(r"^ARG (?:BASE|BUILDER)=(.+)$", text, re.MULTILINE)
    assert bases
    assert all(re.search(r":v?\d+\.\d+\.\d+", base) for base in bases)


def test_the_roles_of_the_image_are_commands() -> None:
    """The entrypoint is the command line, and the roles that it is run as are known to it."""
    entrypoint = 'ENTRYPOINT ["/usr/bin/tini", "--", "info-assistant"]'
    assert entrypoint in APPLICATION.read_text(encoding="utf-8")
    assert {entry.name for entry in ENTRIES} >= ROLES


def test_what_manifests_run_in_the_image_are_commands() -> None:
    """The first argument of every container of the application's image is a command of its own."""
    commands = {entry.name for entry in ENTRIES}
    found = {}
    for path in (ROOT / "deploy" / "kubernetes").rglob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            for each in _containers(document):
                if each.get("image") == "application" and "command" not in each:
                    found[f"{path.name}: {each['name']}"] = each["args"][0]
    assert set(found.values()) >= ROLES
    # `backup` is made by another part of the same issue; a wrong name would be any other.
    assert {name: word for name, word in found.items() if word not in commands | {"backup"}} == {}


def _containers(node: Any) -> list[dict[str, Any]]:  # noqa: ANN401  Any YAML.
    if isinstance(node, dict):
        own = [each for each in node.get("containers") or () if isinstance(each, dict)]
        return own + [each for value in node.values() for each in _containers(value)]
    if isinstance(node, list):
        return [each for value in node for each in _containers(value)]
    return []


def test_only_what_runs_stays_in_an_environment(tmp_path: Path) -> None:
    """Tests, headers, other languages and other services go; what is run and read stays."""
    gone = (
        "numpy/tests/test_a.py",
        "numpy/_core/include/a.h",
        "babel/locale-data/de_AT.dat",
        "botocore/data/ec2/service.json",
        "onnxruntime/transformers/a.py",
        "a/types.pyi",
        "hf_xet/a.py",
    )
    kept = (
        "numpy/testing.py",
        "babel/locale-data/fr_CA.dat",
        "babel/locale-data/root.dat",
        "botocore/data/route53/service.json",
        "botocore/data/endpoints.json",
        "hf_xet_other/a.py",
    )
    for name in (*gone, *kept):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    facts = tmp_path / "hf_xet-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: hf-xet\nVersion: 1.0\n")
    (facts / "RECORD").write_text("hf_xet/a.py,,\nhf_xet-1.0.dist-info/METADATA,,\n")
    for path in slim_environment.unused(tmp_path, ["en", "fr"]):
        slim_environment.removed(path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)


def test_sources_go_where_their_compiled_form_runs(tmp_path: Path) -> None:
    """What is compiled beside its source runs without it, and without looking for it."""
    (tmp_path / "lantern.py").write_text("print('lit')\n")
    assert slim_environment.compile_all(tmp_path, tmp_path, legacy=True)
    for path in list(slim_environment.compiled_sources(tmp_path)):
        slim_environment.removed(path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lantern.pyc"]
    done = subprocess.run(
        [sys.executable, "-c", "import lantern"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "lit\n"


def test_nothing_that_we_import_is_left_out_of_the_image() -> None:
    """No module of ours imports a distribution that the image leaves out."""
    modules = {each.replace("-", "_") for each in slim_environment.NEVER_IMPORTED - {"pyyaml"}}
    names = "|".join(sorted(modules | {"yaml"}))
    importing = re.compile(rf"^\s*(?:import|from) (?:{names})\b", re.MULTILINE)
    guilty = [
        path.name
        for path in (ROOT / "src").rglob("*.py")
        if importing.search(path.read_text(encoding="utf-8"))
    ]
    assert guilty == []


def test_the_languages_of_the_pages_stay_in_the_image() -> None:
    """English and every language with a catalogue."""
    assert set(build_images.languages()) >= {"en", "fr"}
