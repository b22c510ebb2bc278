"""`info-assistant evaluate`: how good the answers are, on any library and questions."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from info_assistant.errors import InvalidRequest
from info_assistant.evaluation.questions import GoldQuestion, load_questions, load_xquad
from info_assistant.evaluation.run import Report
from info_assistant.evaluation.run import evaluate as run_evaluation
from info_assistant.evaluation.scratch import Refused, scratch_stack

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("questions", type=_FILE, required=False)
@click.option("--library", type=_FOLDER, help="Folder with the documents that are asked.")
@click.option("--xquad", type=_FILE, help="A file in XQuAD's shape: brings its own documents.")
@click.option("--gold-removed", is_flag=True, help="Ask again with the gold documents taken out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on standard output.")
def evaluate(
    *,
    questions: Path | None,
    library: Path | None,
    xquad: Path | None,
    gold_removed: bool,
    as_json: bool,
) -> None:
    """Measure retrieval and answers on a set of QUESTIONS, one JSON object a line.

    Each line has at least "question", "answerable" and "gold" (a list of {"document", "quote"}, the
    document as a path below --library). Nothing of a running stack is touched: the documents go
    into a scratch stack in a temporary folder.

    \b
    Examples:
      info-assistant evaluate samples/questions.jsonl --library samples/documents
      info-assistant evaluate mine.jsonl --library ./policies --gold-removed --json
      info-assistant evaluate --xquad xquad-en.json
    """  # noqa: D301 - For click, the mark keeps the lines.
    if questions and not library:
        raise click.UsageError("Say which documents the questions are about: --library FOLDER.")
    if not questions and not xquad:
        raise click.UsageError("Give a file of questions with --library, or --xquad FILE.")
    reports: dict[str, Report] = {}
    if questions and library:
        asked = load_questions(questions)
        reports["questions"] = _evaluated(asked, _files(library), gold_removed=gold_removed)
    if xquad:
        known = load_xquad(xquad)
        files = {name: text.encode() for name, text in known.documents.items()}
        reports["xquad"] = _evaluated(known.questions, files, gold_removed=gold_removed)
    if as_json:
        click.echo(json.dumps(_as_json(reports), indent=2))
    else:
        for name, report in reports.items():
            _print(name, report)


def _as_json(reports: Mapping[str, Report]) -> dict[str, object]:
    """Return the first report's measures, with a second one under its name."""
    first, *others = reports
    return {**reports[first].as_json(), **{name: reports[name].as_json() for name in others}}


def _files(library: Path) -> dict[str, bytes]:
    """Return every file below a folder by its relative path, hidden ones left out."""
    paths = sorted(path for path in library.rglob("*") if path.is_file())
    names = {path.relative_to(library): path for path in paths}
    files = {
        name.as_posix(): path.read_bytes()
        for name, path in names.items()
        if not any(part.startswith(".") for part in name.parts)
    }
    if not files:
        raise InvalidRequest(f"There are no files in {library}, so there is nothing to ask about.")
    return files


def _evaluated(
    questions: tuple[GoldQuestion, ...], files: Mapping[str, bytes], *, gold_removed: bool
) -> Report:
    """Load a scratch stack and ask it, with progress on standard error."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())

    async def run(progress: Progress) -> tuple[Report, tuple[Refused, ...]]:
        task = progress.add_task("starting", total=None)

        def show(stage: str, done: int, total: int) -> None:
            progress.update(task, description=stage, completed=done, total=total)

        async with scratch_stack() as stack:
            refused = await stack.load(files, show)
            progress.update(task, description="asking", completed=0, total=len(questions))
            report = await run_evaluation(
                stack, questions, gold_removed=gold_removed, advance=lambda: progress.advance(task)
            )
            return report, refused

    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        report, refused = asyncio.run(run(progress))
    for each in refused:
        console.print(f"Left out: {each.source}: {each.reason}", markup=False, highlight=False)
    return report


def _print(name: str, report: Report) -> None:
    """Print the report as tables that people can read."""
    measured = report.as_json()
    console = Console()
    ranks = Table(title=f"{name}: how far up the evidence stands", title_justify="left")
    for column in ("ranking", "hit@1", "hit@5", "hit@10", "MRR@10"):
        ranks.add_column(column)
    for label, rank in (("ours", report.hybrid), ("BM25", report.bm25), ("dense", report.dense)):
        shares = [f"{rank.hit(k):.2f}" for k in (1, 5, 10)]
        ranks.add_row(label, *shares, f"{rank.mrr:.2f}")
    console.print(ranks)
    answers = Table(title=f"{name}: what the answers say", title_justify="left")
    for column in ("share of", "measured", "95 % interval"):
        answers.add_column(column)
    intervals = measured["ci95"]
    for key, label in (
        ("answer_contains", "answerable questions answered with what they must contain"),
        ("answered_answerable", "answerable questions answered"),
        ("refused_unanswerable", "unanswerable questions refused"),
        ("quotes_verbatim", "quotations that are word for word in their place"),
    ):
        value = measured[key]
        if isinstance(value, float) and isinstance(intervals, dict):
            low, high = intervals[key]
            answers.add_row(label, f"{value:.2f}", f"{low:.2f} to {high:.2f}")
    console.print(answers)
    if isinstance(area := measured["gold_removed"], float):
        console.print(
            f"Without the gold documents {measured['gold_removed_refused']:.2f} are refused; "
            f"the score tells with from without with an area under the curve of {area:.2f}."
        )
