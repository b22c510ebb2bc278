"""Rules of the linter on runbooks other than the seed: each can fire, and each can stay silent."""

from collections.abc import Callable

import pytest

from info_assistant.runbooks.linting.findings import Finding
from info_assistant.runbooks.linting.lint import corrections, lint
from info_assistant.runbooks.linting.queries import invalid
from info_assistant.runbooks.model import Runbook

RunbookOf = Callable[[str], Runbook]


def shell(*commands: str) -> str:
    """Return a runbook with one option that holds these commands."""
    lines = "\n".join(commands)
    return f"## P1-1: Something\n\n### Resolution\n\n**Option 1: Act**\n\n```bash\n{lines}\n```\n"


def rules(findings: list[Finding]) -> set[str]:
    """Return the names of the rules that fired."""
    return {each.rule for each in findings}


@pytest.mark.parametrize(
    ("commands", "rule"),
    [
        (["kubectl get pods -n a", "kubectl get svc"], "missing-namespace"),
        (["kubectl exec -t a -n x -- ls"], "exec-tty"),
        (["kubectl logs -f a -n x"], "endless"),
        (["curl http://a.example/"], "curl-exit-code"),
        (["kubectl get pods \u2014n x"], "misleading-character"),
        (["for p in a; do kubectl delete pod $p; done"], "unclear-shell"),
        (["kubectl delete pod <pod> -n x"], "placeholder"),
        (["kubectl delete pod a-0 -n x", "kubectl wait --for=condition=Ready pod/a-0"],
         "wait-race"),
        (["kubectl scale deploy/a --replicas=0 -n x", "kubectl logs deploy/a -n x"], "unreachable"),
        (["curl -f -H 'X-Token: <token>' http://a.example"], "secret-in-arguments"),
        (["kubectl rollout undo deploy/a -n x"], "undo-revision"),
    ],
)  # fmt: skip
def test_a_rule_fires(runbook_of: RunbookOf, commands: list[str], rule: str) -> None:
    """Each fault is seen outside the seed as well."""
    assert rule in rules(lint(runbook_of(shell(*commands))))


@pytest.mark.parametrize(
    ("commands", "rule"),
    [
        (["kubectl get pods -n a", "kubectl get svc -n b", "kubectl get cm"], "missing-namespace"),
        (["kubectl get pods -n a", "kubectl get svc -A"], "missing-namespace"),
        (["curl -fsS http://a.example/"], "curl-exit-code"),
        (["curl -d '{}' -H 'content-type: application/json' http://a"], "content-type"),
        (["kubectl wait --for=condition=Ready pod/a-0 -n x"], "wait-race"),
        (["kubectl scale sts/a --replicas=0 -n x", "kubectl scale sts/a --replicas=3 -n x",
          "kubectl exec a-0 -n x -- ls"], "unreachable"),
        (["kubectl exec redis-0 -n x -- redis-cli -e ping"], "redis-exit-code"),
        (["kubectl rollout undo deploy/a --to-revision=3 -n x"], "undo-revision"),
        (["kubectl get pods -n x | grep '[0-9]\\+'"], "placeholder"),
        (["kubectl rollout restart deploy/a -n x"], "ordered-restart"),
    ],
)  # fmt: skip
def test_a_rule_stays_silent(runbook_of: RunbookOf, commands: list[str], rule: str) -> None:
    """What is right is not complained about."""
    assert rule not in rules(lint(runbook_of(shell(*commands))))


def test_variables_before_a_command_stay(runbook_of: RunbookOf) -> None:
    """What stands before the program is part of the command as it is run."""
    runbook = runbook_of(shell("KUBECONFIG=east kubectl rollout status deploy/a -n x"))
    (found,) = corrections(runbook)
    assert found.as_run == ("KUBECONFIG=east kubectl rollout status deploy/a -n x --timeout=300s")


@pytest.mark.parametrize(
    "command", ["watch -n 5 kubectl get pods -n x", "watch -d kubectl get pods -n x"]
)
def test_what_is_watched_is_looked_at_once(runbook_of: RunbookOf, command: str) -> None:
    """Of `watch` with its own options the command that it repeats is left."""
    (found,) = corrections(runbook_of(shell(command)))
    assert found.as_run == "kubectl get pods -n x"


def test_a_clean_runbook_has_no_findings(runbook_of: RunbookOf) -> None:
    """A runbook without faults gives none, and its commands are run as they are written."""
    runbook = runbook_of(
        "## P1-1: Slow\n\n### Symptoms\n\n- It is slow\n\n### Resolution Steps\n\n1. Look\n\n"
        "   ```bash\n   kubectl get pods -n x\n   curl -fsS --max-time 5 https://a.example/health\n"
        "   ```\n"
    )
    assert lint(runbook) == []
    assert [each.changed for each in corrections(runbook)] == [False, False]


def test_tiers_with_a_gap_are_found(runbook_of: RunbookOf) -> None:
    """Between 15 and 20 minutes nobody would be called."""
    text = "## Escalation\n\n1. 0-15 min: on-call engineer\n2. 20-30 min: manager\n"
    assert "tier-gap" in rules(lint(runbook_of(text)))


def test_a_contact_with_a_number_can_be_called(runbook_of: RunbookOf) -> None:
    """A name, a number and a tier leave nothing to say."""
    text = (
        "## Contacts\n\n| Role | Name | Phone |\n|---|---|---|\n"
        "| Duty lead | A. Osei | +44 20 7946 0992 |\n\n"
        "## Escalation\n\n1. 0-15 min: duty lead\n"
    )
    assert lint(runbook_of(text)) == []


VALID = [
    'up{job="qdrant"} == 0',
    "rate(qdrant_connection_errors_total[5m]) > 0",
    'sum by (code) (rate(http_total{app="x",code=~"5.."}[5m])) / ignoring(code) group_left sum(x)',
    'sum(up{job="qdrant"}) < 2 or absent(up{job="qdrant"})',
    "histogram_quantile(0.99, sum(rate(a_bucket[1h30m])) by (le))",
    "max_over_time(rate(x[5m])[1h:1m]) > bool 3",
    "x offset 5m unless on(a) y @ 1609746000",
    "-x ^ 2",
    "{__name__=~'a.*'}",
    "3 * (a + b)",
]
INVALID = [
    "up{job=}",
    "up{job=qdrant}",
    "rate(x[5m]",
    "rate(x[5])",
    "up == ",
    "sum(x) sum(y)",
    "up{job='a'} == 0\nrate(x[5m]) > 0",
    "",
    "a ! b",
    "x[5m",
    "'open",
]


@pytest.mark.parametrize("text", VALID)
def test_valid_promql_is_accepted(text: str) -> None:
    """What Prometheus takes is not complained about."""
    assert invalid(text) is None


@pytest.mark.parametrize("text", INVALID)
def test_invalid_promql_is_found(text: str) -> None:
    """What Prometheus refuses is found, with a reason."""
    assert invalid(text)


def test_mojibake_of_other_encodings_is_found(runbook_of: RunbookOf) -> None:
    """Signs read as Mac Roman and as CP1252 are repaired; words in French are left."""
    broken = "🚨".encode().decode("mac_roman") + " " + "\u2019".encode().decode("cp1252")
    runbook = runbook_of(f"# Title\n\n{broken} «été» naïveté\n")
    assert [each.repaired for each in runbook.repairs] == ["🚨", "\u2019"]
    assert "«été» naïveté" in runbook.text
