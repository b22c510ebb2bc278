"""The benchmarks run and write what they promise; their figures are not judged here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(name: str, results: Path) -> dict[str, Any]:
    """Run a benchmark in its quick form and return the result that it wrote."""
    done = subprocess.run(
        [sys.executable, f"benchmarks/{name}.py", "--quick", "--results", str(results)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr
    assert name in done.stdout
    result: dict[str, Any] = json.loads((results / f"{name}.json").read_text())
    return result


def require_shape(result: dict[str, Any], figures: set[str]) -> None:
    """Check what every result says: when, where, how often, how far apart, and whether it holds."""
    assert result["quick"] is True
    assert result["date"]
    assert {"cpu", "cores", "python"} <= result["machine"].keys()
    assert figures <= {figure["what"] for figure in result["figures"]}
    for figure in result["figures"]:
        assert len(figure["rounds"]) >= 2
        assert figure["min"] <= figure["median"] <= figure["max"]
    for floor in result["floors"]:
        at_least = floor["sense"] == "at least"
        kept = (
            floor["measured"] >= floor["limit"]
            if at_least
            else (floor["measured"] <= floor["limit"])
        )
        assert floor["holds"] is kept
    assert result["holds"] is all(floor["holds"] for floor in result["floors"])


@pytest.mark.stack
@pytest.mark.model
def test_ingestion_is_measured_against_the_embedder_alone(tmp_path: Path) -> None:
    """The ingestion benchmark takes documents in, really, and writes the ratio of each round."""
    result = run("ingestion", tmp_path)
    require_shape(result, {"raw embedder", "end to end", "raw / end to end"})
    figures = {figure["what"]: figure["rounds"] for figure in result["figures"]}
    for raw, whole, ratio in zip(
        figures["raw embedder"], figures["end to end"], figures["raw / end to end"], strict=True
    ):
        assert ratio == pytest.approx(raw / whole, rel=0.01)


@pytest.mark.stack
def test_overhead_is_measured_in_processor_time(tmp_path: Path) -> None:
    """The overhead benchmark has its questions answered and writes what each side spent."""
    result = run("overhead", tmp_path)
    require_shape(result, {"backend CPU p50, 400 passages", "local-qdrant CPU p50, 400 passages"})
    assert result["setting"]["questions"] == 20
    assert all(min(figure["rounds"]) > 0 for figure in result["figures"])


@pytest.mark.stack
@pytest.mark.model
def test_cached_answers_are_measured_beside_a_bare_application(tmp_path: Path) -> None:
    """The benchmark asks only what is known, on both sides, and writes the ratio of each round."""
    result = run("cached", tmp_path)
    require_shape(result, {"cached / bare", "cached, p99", "bare, processor time"})
    assert result["setting"]["questions"] > 0
    # Nobody has to be crowded out.
    counted = [each for each in result["figures"] if "found no connection" not in each["what"]]
    assert all(min(figure["rounds"]) > 0 for figure in counted)


@pytest.mark.stack
@pytest.mark.model
def test_a_crowd_is_refused_and_the_rest_answered(tmp_path: Path) -> None:
    """The overload benchmark offers five times what was answered before, and nobody is left out."""
    result = run("overload", tmp_path)
    require_shape(result, {"capacity", "answered in the crowd", "refusals p99"})
    figures = {figure["what"]: figure["rounds"] for figure in result["figures"]}
    assert min(figures["answered in the crowd"]) > 0
    assert min(figures["refusals p50"]) > 0
    assert max(figures["memory, most / before"]) < 1.5
    overdue = next(
        floor["measured"] for floor in result["floors"] if "past a deadline" in floor["what"]
    )
    assert overdue < 2000
