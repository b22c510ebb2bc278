"""No change is ever taken for reading, judged by a real shell and by scripts made at random."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from info_assistant.runbooks.shell.classify import classify, classify_script
from info_assistant.runbooks.shell.effects import Effect
from info_assistant.runbooks.shell.scripts import parse_script

CHANGING = (
    "kubectl delete pod qdrant-0", "kubectl scale sts/qdrant --replicas=0", "kubectl apply -f -",
    "kubectl set env deployment/backend A=b", "kubectl rollout undo deployment/backend",
    "kubectl exec redis-0 -- redis-cli FLUSHALL", "kubectl exec x -- /restore-backup.sh",
    "redis-cli CONFIG SET a b", "curl -X DELETE http://qdrant:6333/collections/a", "rm -rf data",
    "curl -d x https://a.example", "psql -c 'delete from t'", "aws s3 rm s3://a",
    "systemctl stop a", "helm rollback a 1", "dd if=a of=b", "unheard-of thing",
)  # fmt: skip
WRAPPINGS = (
    "{}", "  {}  ", "{} | cat", "{} 2>&1 | grep x", "true && {}", "false || {}", "echo a; {}",
    "kubectl get pods\n{}", "sudo {}", "A=1 {}", "KUBECONFIG=x {}", "env {}", "timeout 5 {}",
    "time {}", "watch {}", "nice {}", "( {} )", "{{ {}; }}", "if true; then {}; fi",
    "for i in a b; do {}; done", "while true; do {}; done", "case a in a) {};; esac",
    "echo $({})", "echo `{}`", 'echo "$({})"', "X=$({})", "cat <({})", "{} &", "{} > /dev/null",
    "{} <<EOF\ntext\nEOF", "cat <<EOF | sh\n{}\nEOF", "cat <<EOF\n$({})\nEOF", "# a\n{}",
    "echo 'it''s' && {}", 'echo "\\"" && {}', "kubectl get pods \\\n && {}", "! {}",
    "f() {{ {}; }}; f", 'bash -c "$(echo a)"; {}', "kubectl exec x -- sh -c 'ls' ; {}",
    "echo a | xargs {}", "exec {}", "eval {}", "command {}", "nohup {} &", "ssh host {}",
)  # fmt: skip


def _hidden(draw: st.DrawFn, text: str) -> str:
    """Return the same command with quotes and escapes put into its first words."""
    words = text.split(" ")
    for at in range(min(2, len(words))):
        word = words[at]
        if "'" in word or not word:
            continue
        cut = draw(st.integers(0, len(word)))
        form = draw(st.sampled_from(["{}{}", "{}''{}", '"{}"{}', "'{}'{}", "{}\\\n{}"]))
        words[at] = form.format(word[:cut], word[cut:])
    return draw(st.sampled_from([" ", "  ", "\t", " \\\n "])).join(words)


@st.composite
def changing_scripts(draw: st.DrawFn) -> str:
    """Scripts with at least one command that changes something, wrapped up to three times."""
    text = _hidden(draw, draw(st.sampled_from(CHANGING)))
    for _ in range(draw(st.integers(0, 3))):
        text = draw(st.sampled_from(WRAPPINGS)).format(text)
    return text


@given(changing_scripts())
@settings(max_examples=150, deadline=None)
def test_no_change_is_read_only_however_it_is_wrapped(script: str) -> None:
    """Pipes, substitutions, here-documents, quoting, prefixes and nesting hide no change."""
    assert classify_script(script).effect is not Effect.READ_ONLY


DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d"


@given(st.sampled_from(DASHES), st.sampled_from(["-n x", "--tail=5", "-o wide", "-l a=b"]))
@settings(deadline=None)
def test_a_dash_that_only_looks_like_one_is_never_read_only(dash: str, option: str) -> None:
    """Dashes of word processors are no options; a command with one is not what it seems."""
    text = f"kubectl get pods {option.replace('-', dash, 1)}"
    assert classify_script(text).effect is Effect.MUTATING


@given(st.text(alphabet="ab $()`'\"\\|&;<>{}#\n-=*~!", max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_text_is_judged_without_an_error(text: str) -> None:
    """No input makes the grammar fail, and statements cover their own lines."""
    for statement in parse_script(text):
        assert classify(statement).why
        assert 1 <= statement.line <= statement.last_line <= text.count("\n") + 1


TOKENS = (
    "kubectl get pods", "kubectl delete pod x", "echo a", "cat", "kubectl", "delete", "get",
    "pods", "|", ";", "&&", "||", "&", "\n", " ", "  ", "'", '"', "\\", "`", "$(", ")", "(", "{",
    "}", "<", ">", "<<A\n", "\nA\n", "<<<", "#", "$x", "$'", "!", "if true; then", "fi", "x=1",
    "-n", "--", "2>&1", "<(", "$((1", "))", "case a in a)", ";;", "esac", "\\\n", "<pod>",
    "[POD-ID]", "${x:-", "=",
)  # fmt: skip
PREAMBLE = """\
kubectl() { printf 'ran %s\\n' "$*" >&3; }
"""


BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="bash is not installed.")
@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=9))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_real_shell_changes_nothing_where_we_say_read_only(
    tmp_path: Path, tokens: list[str]
) -> None:
    """Random scripts that count as read-only run no change and write no file in a real bash."""
    script = "".join(tokens)
    if classify_script(script).effect is not Effect.READ_ONLY:
        return
    folder, log = tmp_path / "here", tmp_path / "log"
    folder.mkdir(exist_ok=True)
    with log.open("wb") as seen:
        subprocess.run(
            [str(BASH), "--norc", "-c", f"exec 3>&1 1>/dev/null\n{PREAMBLE}{script}"],
            cwd=folder,
            env={"PATH": "/nowhere"},
            stdin=subprocess.DEVNULL,
            stdout=seen,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=False,
        )
    ran = log.read_text().splitlines()
    assert [line for line in ran if not line.startswith("ran get")] == [], script
    assert list(folder.iterdir()) == [], script
