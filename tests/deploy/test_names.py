"""The names that runbooks rely on are those of the manifests (`make verify-names`)."""

import json
from pathlib import Path

import pytest
from scripts import verify_names
from scripts.contract_rows import CHECKS, CONTAINERS
from scripts.manifests import Rendered, render
from scripts.runbook_names import missing

from info_assistant.cli.main import ENTRIES

WAITS_FOR: dict[int, bool] = {
    **dict.fromkeys((4, 20, 70), (CONTAINERS / "qdrant").is_dir()),
    **dict.fromkeys((26, 71), any(each.name == "failover" for each in ENTRIES)),
}
"""Rows whose other half is an image or a command, and whether that is here."""


@pytest.mark.parametrize("overlay", ["production", "secondary-region"])
def test_every_row_of_the_contract_holds(overlay: str) -> None:
    """Each row that manifests, images and commands have to meet is met."""
    judged = verify_names.verdicts(render(overlay))
    assert [each.number for each in judged] == list(verify_names.ROWS) == list(CHECKS)
    failed = {each.number: each.words for each in judged if not each.holds}
    assert {n: words for n, words in failed.items() if WAITS_FOR.get(n, True)} == {}


def test_every_name_of_our_runbook_is_there() -> None:
    """Resources, pods, claims, labels, containers, switches, metrics and addresses exist."""
    compared, absent = missing(verify_names.OWN, render("production"))
    assert compared > 80
    assert absent == []


def _without(kind: str, name: str) -> Rendered:
    found = render("production")
    kept = [
        each for each in found.objects if (each["kind"], each["metadata"]["name"]) != (kind, name)
    ]
    return Rendered("less", tuple(kept))


def test_what_is_not_there_is_named() -> None:
    """Both comparisons fail where an object is gone or bears another label."""
    less = _without("HorizontalPodAutoscaler", "backend")
    failed = {each.number for each in verify_names.verdicts(less) if not each.holds}
    assert failed >= {14, 15, 69}
    assert "hpa/backend" in missing(verify_names.OWN, less)[1]
    renamed = json.loads(
        json.dumps(render("production").objects).replace('"qdrant-storage"', '"x"')
    )
    other = Rendered("other", tuple(renamed))
    assert {19, 68} <= {each.number for each in verify_names.verdicts(other) if not each.holds}
    assert "pvc qdrant-storage-qdrant-0" in missing(verify_names.OWN, other)[1]


def test_rows_are_read_from_tables_and_from_prose() -> None:
    """Numbers in the first column of a table and before the parts of a sentence are rows."""
    text = "| 4 | 29 | `exec` | ro | COND |\n\n63 ns `x`; 64 Deployments `a`, `b`.\n\n"
    assert {number: said[:4] for number, said in verify_names.rows_of(text).items()} == {
        4: "`exe",
        63: "ns `",
        64: "Depl",
    }


def test_a_missing_contract_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the contract the table is printed all the same, and what is missing is said."""
    verify_names.main("production", tmp_path / "contract.md")
    said = capsys.readouterr()
    assert "SKIPPED" in said.err
    assert "Not proven" in said.out
