"""Over runbooks made at random: nothing with an open value runs, nothing runs without a yes."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runbooks.test_classify_properties import CHANGING, changing_scripts
from tests.runbooks.test_runner import Answers

from info_assistant.runbooks.commands.telling import known_corrections
from info_assistant.runbooks.linting.cases import facts_of
from info_assistant.runbooks.linting.lint import lint
from info_assistant.runbooks.reading.markdown import parse_runbook
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.running.plan import option_of, tasks_of
from info_assistant.runbooks.running.runner import Runner, Stopped, Tools
from info_assistant.runbooks.running.shell import Result
from info_assistant.runbooks.running.values import Values
from info_assistant.runbooks.shell.classify import classify_script
from info_assistant.runbooks.shell.effects import Effect
from info_assistant.runbooks.shell.placeholders import find_placeholders

HOLES = ("[POD-ID]", "<pod>", "{{ pod }}", "$POD", "ZXXXXX", "...")
READING = (
    "kubectl get pods -n x {}", "kubectl logs a {} -n x", "curl http://a.example/{}",
    "echo {}", "kubectl get pods -n x", "redis-cli get {}", 'grep "{}" file', "cat {} | wc -l",
)  # fmt: skip


@st.composite
def runbooks(draw: st.DrawFn) -> str:
    """A runbook whose one option mixes reading, changing and unresolved commands."""
    lines = []
    for _ in range(draw(st.integers(1, 5))):
        form = draw(st.sampled_from(["reading", "changing", "wrapped"]))
        if form == "reading":
            lines.append(
                draw(st.sampled_from(READING)).format(draw(st.sampled_from((*HOLES, "a"))))
            )
        elif form == "changing":
            lines.append(f"{draw(st.sampled_from(CHANGING))} {draw(st.sampled_from((*HOLES, '')))}")
        else:
            lines.append(draw(changing_scripts()))
    text = "\n".join(lines)
    return f"## P1-1: A\n\n### Resolution\n\n**Option 1: B**\n\n````bash\n{text}\n````\n"


class Noting:
    """A shell that runs nothing, and remembers what it was to run."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.texts: list[str] = []

    def run(self, text: str, timeout_s: float) -> Result:
        """Remember, and answer with nothing."""
        del timeout_s
        self.texts.append(text)
        return Result(0, "", 0.0)


@given(text=runbooks(), as_written=st.booleans())
@settings(max_examples=40, deadline=None)
def test_nothing_runs_unresolved_or_without_consent(text: str, *, as_written: bool) -> None:
    """With nobody to agree only what reads, and is complete, reaches a shell."""
    runbook = parse_runbook(text.encode(), "r.md")
    assert all(finding.message for finding in lint(runbook))
    shell, nobody = Noting(), Answers()
    with TemporaryDirectory() as folder:
        store = Incidents(Path(folder) / "i", Redaction(), author=("ada", "desk"))
        name = store.open(Opening("a", "P1-1"), text.encode(), "r.md").id
        tools = Tools(shell, nobody, Values({}, {}, shell), lambda _text: None, verify_s=0.0)
        runner = Runner(store, name, facts_of(runbook), tools)
        steps = option_of(runbook.scenarios[0], 1).steps
        for task in tasks_of(steps, known_corrections(runbook), as_written=as_written):
            try:
                runner.run([task])
            except Stopped:
                continue
    for ran in shell.texts:
        assert find_placeholders(ran) == []
        assert "$POD" not in ran
        assert classify_script(ran).effect is Effect.READ_ONLY, ran
