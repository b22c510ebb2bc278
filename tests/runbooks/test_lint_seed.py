"""Every line that the contract calls FAIL or COND is reported, with reason and corrected form."""

import pytest

from info_assistant.runbooks.linting.findings import Finding, Severity
from info_assistant.runbooks.linting.lint import corrections, lint
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.shell.classify import classify_script

# Rows of the contract with the verdict FAIL or COND, and others that are to be reported.
VERDICTS = [
    (1, 19, {"cluster-scope"}),
    (4, 29, {"tool-in-pod"}),
    (5, 32, {"redis-exit-code"}),
    (8, 47, {"undo-revision"}),
    (10, 51, {"curl-exit-code"}),
    (13, 63, {"endless"}),
    (14, 69, {"autoscaler"}),
    (16, 125, {"empty-list"}),
    (19, 132, {"missing-namespace"}),
    (20, 137, {"placeholder", "tool-in-pod"}),
    (22, 148, {"wait-race"}),
    (23, 154, {"scale-to-zero"}),
    (24, 157, {"unreachable", "script-in-pod"}),
    (26, 167, {"missing-file", "placeholder"}),
    (27, 193, {"empty-list"}),
    (29, 199, {"interactive"}),
    (30, 200, {"typed-at-prompt"}),
    (31, 201, {"typed-at-prompt"}),
    (32, 202, {"typed-at-prompt"}),
    (33, 210, {"ordered-restart"}),
    (34, 216, {"two-masters", "redis-exit-code"}),
    (36, 250, {"one-pod-of-many", "grep-exit-code"}),
    (37, 265, {"switch-needs", "set-env"}),
    (38, 271, {"switch-needs", "contradiction", "set-env"}),
    (39, 311, {"placeholder", "curl-glob", "content-type", "curl-exit-code"}),
    (39, 311, {"secret-in-arguments"}),
    (49, 174, {"silent-when-absent"}),
    (50, 177, {"born-above-zero"}),
    (51, 173, {"several-queries"}),
    (90, 163, {"unchecked-condition"}),
    (90, 262, {"unchecked-condition"}),
    (100, 293, {"contact-unreachable"}),
    (100, 296, {"contact-unreachable", "contact-without-tier"}),
    (94, 303, {"tier-without-contact"}),
    (101, 80, {"encoding"}),
    (101, 277, {"encoding"}),
]  # fmt: skip
DECIDED_BY_A_PERSON = {19, 125, 193, 167, 163, 262, 293, 296, 303}
"""Lines whose command is right as it stands, or that only a person can complete."""


@pytest.fixture(scope="module")
def findings(seed: Runbook) -> list[Finding]:
    """All findings on the seed's runbook."""
    return lint(seed)


@pytest.mark.parametrize(("row", "line", "rules"), VERDICTS)
def test_every_verdict_is_reported(
    findings: list[Finding], row: int, line: int, rules: set[str]
) -> None:
    """A finding at the line names the reason, and the corrected form where there is one."""
    here = [each for each in findings if each.line == line]
    assert rules <= {each.rule for each in here}, row
    assert all(each.message for each in here)
    if line not in DECIDED_BY_A_PERSON:
        assert [each for each in here if each.as_run and each.as_run != each.as_written], row


# Lines that the contract calls OK; at most notes, or a bound of time, are said of them.
FINE = {20, 23, 38, 39, 57, 60, 72, 126, 131, 145, 160, 194}


def test_lines_that_work_are_left_alone(findings: list[Finding]) -> None:
    """No error and no warning on a line that works as it is written."""
    assert [(e.line, e.rule) for e in findings if e.line in FINE and e.severity != "note"] == []


AS_RUN = {
    29: "kubectl exec qdrant-0 -n pubsec-info-assistant -- bash -c "
    """'exec 3<>/dev/tcp/127.0.0.1/6333; printf "GET /readyz HTTP/1.0\\r\\n\\r\\n" >&3; """
    "head -n 1 <&3 | grep 200'",
    32: "kubectl exec redis-0 -n pubsec-info-assistant -- redis-cli -e ping",
    51: "curl -fsS --max-time 10 --retry 3 https://pubsec-info-assistant.com/health",
    132: "kubectl describe pvc qdrant-storage-qdrant-0 -n pubsec-info-assistant",
    201: "kubectl exec redis-0 -n pubsec-info-assistant -- redis-cli -e info replication",
    222: "kubectl set env deployment/backend REDIS_ENABLED=false -n pubsec-info-assistant "
    "-c backend && kubectl rollout status deployment/backend -n pubsec-info-assistant"
    " --timeout=300s",
    250: "kubectl logs -l component=backend -c backend -n pubsec-info-assistant --since=15m"
    ' --tail=-1 --prefix --max-log-requests=20 | grep -i "openai"',
}


@pytest.mark.parametrize(("line", "text"), AS_RUN.items())
def test_corrected_forms(seed: Runbook, line: int, text: str) -> None:
    """The command as it would be run keeps the intent and loses the fault."""
    (found,) = [each for each in corrections(seed) if each.command.line == line]
    assert found.as_run == text


def test_a_correction_never_makes_a_command_graver(seed: Runbook) -> None:
    """What is read-only as written is so as run; nothing becomes destructive by being put right."""
    for each in corrections(seed):
        if each.command.text.startswith(">") or each.command.line in {199, 200, 201, 202}:
            continue
        assert classify_script(each.as_run).effect.rank <= each.command.effect.rank, each.as_run


def test_tasks_of_a_template_are_no_placeholders(findings: list[Finding]) -> None:
    """`- [ ]` is a box to tick; only [TIMESTAMP] and [TIME + 15 min] stand for values."""
    values = [each.line for each in findings if each.rule == "template-value"]
    assert values == [84, 92]


def test_grave_comes_first(findings: list[Finding]) -> None:
    """Findings are in the order of lines, and within a line the gravest is first."""
    order = list(Severity)
    keys = [(each.line, order.index(each.severity)) for each in findings]
    assert keys == sorted(keys)
