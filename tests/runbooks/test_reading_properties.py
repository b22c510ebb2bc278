"""Any text is a runbook: it is read, checked and planned without an error, at lines that it has."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from info_assistant.runbooks.commands.telling import known_corrections, plan_lines
from info_assistant.runbooks.linting.lint import lint
from info_assistant.runbooks.offline import page
from info_assistant.runbooks.reading.markdown import parse_runbook

PIECES = (
    "# T\n", "## P0-1: A\n", "### Symptoms\n", "### Resolution\n", "**Option 1: A** (if b)\n",
    "#### Option B: c\n", "1. ", "   ", "- ", "- [ ] ", "> ", "\n", "\n\n", "```bash\n", "```\n",
    "````\n", "~~~console\n", "~~~\n", "$ ", "# ", "> PING\n", "kubectl get pods -n x\n",
    "kubectl exec -it r -- redis-cli\n", "`kubectl delete pod <a>`", "| Role | Phone |\n",
    "|---|---|\n", "| a | |\n", "a", "\u00fc\u00f6\u00ae", "\u26a0\ufe0f", "```promql\n", "up{\n",
    "sum(x) by (y) > 0\n", "\t", "\\", "'", "<b>", "## Escalation\n", "1. 0-15 min: a\n", "\r\n",
    "curl [X] -d '{'\n", "kubectl scale sts/a --replicas=0\n", "0) ", "===\n", "\x0b", "\u2028",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_read_and_checked(pieces: list[str]) -> None:
    """Findings and commands name lines of the file, and every view of it can be made."""
    text = "".join(pieces)
    runbook = parse_runbook(text.encode(), "any.md")
    last = text.replace("\r\n", "\n").count("\n") + 1
    assert all(1 <= finding.line <= last for finding in lint(runbook))
    assert all(1 <= c.line <= c.last_line <= last for c in runbook.commands())
    known = known_corrections(runbook)
    for scenario in runbook.scenarios:
        assert list(plan_lines(scenario, known, None, as_written=False))
    assert page(runbook).endswith("</html>\n")
