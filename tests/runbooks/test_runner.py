"""A run: nothing unresolved, unasked, unrecorded or unjudged; and the way back."""

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.runbooks.cluster import Cluster

from info_assistant.runbooks.commands.telling import known_corrections
from info_assistant.runbooks.linting.cases import facts_of
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.running.plan import Task, option_of, tasks_of
from info_assistant.runbooks.running.runner import Runner, Stopped, Tools
from info_assistant.runbooks.running.shell import Bash, Result, Shell
from info_assistant.runbooks.running.values import Values

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell script plays kubectl.")


@dataclass
class Answers:
    """A person who says yes to what holds one of these words, and types what is given."""

    yes: tuple[str, ...] = ()
    typed: str = ""
    asked: list[str] = field(default_factory=list)

    def agrees(self, question: str) -> bool:
        """Answer, and remember the question."""
        self.asked.append(question)
        return any(word in question for word in self.yes)

    def types(self, question: str, wanted: str) -> bool:
        """Answer, and remember the question."""
        self.asked.append(question)
        return self.typed == wanted


class Scene:
    """An incident, its runbook of one option, and a cluster."""

    def __init__(self, folder: Path, *commands: str) -> None:
        """Open the incident."""
        lines = "\n".join(commands)
        text = f"## P1-1: Made up\n\n### Resolution\n\n**Option 1: Act**\n\n```bash\n{lines}\n```\n"
        self.cluster = Cluster(folder / "cluster")
        self.store = Incidents(folder / "i", Redaction(), author=("ada", "desk"))
        self.name = self.store.open(Opening("Made up", "P1-1"), text.encode(), "r.md").id
        self.said: list[str] = []

    def tasks(self, *, as_written: bool = False) -> list[Task]:
        """Return what the option is made of."""
        runbook = self.store.runbook(self.name)
        steps = option_of(runbook.scenarios[0], 1).steps
        return tasks_of(steps, known_corrections(runbook), as_written=as_written)

    def run(
        self,
        person: Answers | None = None,
        *,
        as_written: bool = False,
        given: Mapping[str, str] | None = None,
        shell: Shell | None = None,
    ) -> Incident:
        """Run the option, and return what the incident has come to."""
        self.runner(person, given=given, shell=shell).run(self.tasks(as_written=as_written))
        return self.store.read(self.name)

    def runner(
        self,
        person: Answers | None = None,
        *,
        given: Mapping[str, str] | None = None,
        shell: Shell | None = None,
    ) -> Runner:
        """Return a runner with a real bash."""
        bash = shell or Bash(self.cluster.variables)
        values = Values(given or {}, self.cluster.variables, bash)
        tools = Tools(bash, person or Answers(), values, self.said.append, verify_s=0.0)
        return Runner(self.store, self.name, facts_of(self.store.runbook(self.name)), tools)

    def kinds(self) -> list[str]:
        """Return the kinds of all events after the opening."""
        return [event.kind for event in self.store.read(self.name).events][1:]


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Scene]:
    """A function that makes a scene of commands."""
    return lambda *commands: Scene(tmp_path, *commands)


def test_what_reads_runs_without_a_question(scene: Callable[..., Scene]) -> None:
    """Its beginning, its end and its output are recorded; secrets in the output are not."""
    made = scene("kubectl get pods -n x", "kubectl describe pod a -n x")
    person = Answers()
    incident = made.run(person)
    assert person.asked == []
    assert made.kinds() == ["step.started", "step.finished"] * 2
    outputs = [e.data["output"] for e in incident.events if e.kind == "step.finished"]
    assert "backend-bbb" in outputs[0]
    assert outputs[1] == "token=[redacted]\n"


@pytest.mark.parametrize("command", ["kubectl apply -f x.yaml -n x", "kubectl delete pvc a -n x"])
def test_what_changes_is_not_run_without_a_yes(scene: Callable[..., Scene], command: str) -> None:
    """The default is no; the refusal is recorded, the run stops, and nothing was called."""
    made = scene(command, "kubectl get pods -n x")
    with pytest.raises(Stopped, match="resume"):
        made.run(Answers())
    assert made.cluster.calls == []
    assert made.kinds() == ["step.refused"]


def test_what_destroys_wants_its_name_typed(scene: Callable[..., Scene]) -> None:
    """A yes is not enough, another name neither; the name itself is."""
    made = scene("kubectl delete pvc data-0 -n x")
    for person in (Answers(yes=("",)), Answers(typed="data-1"), Answers(typed="yes")):
        with pytest.raises(Stopped):
            made.run(person)
    assert made.cluster.changes == []
    made.run(Answers(typed="data-0"))
    assert made.cluster.changes == ["delete pvc data-0 -n x"]


def test_typing_nothing_agrees_to_nothing(scene: Callable[..., Scene]) -> None:
    """Where a destructive command names no resource there still is a word to be typed."""
    made = scene("cat <(kubectl delete pvc data-0 -n x)")
    with pytest.raises(Stopped):
        made.run(Answers(typed=""))
    assert made.cluster.calls == []


def test_the_way_back_is_noted_and_taken(scene: Callable[..., Scene]) -> None:
    """What was there before comes back, and only then nothing is open."""
    made = scene("kubectl set env deployment/backend REDIS_ENABLED=false -n x")
    incident = made.run(Answers(yes=("Run",)))
    assert made.cluster["environment"] == "false"
    assert [each.command for each in incident.open_reverts] == [
        "kubectl set env deployment/backend REDIS_ENABLED- -n x -c backend"
    ]
    with pytest.raises(Stopped):
        made.runner(Answers()).take_back()
    assert made.cluster["environment"] == "false"
    made.runner(Answers(yes=("Run",))).take_back()
    assert made.cluster["environment"] == ""
    assert made.store.read(made.name).open_reverts == []


def test_down_and_up_again_leaves_nothing_to_take_back(scene: Callable[..., Scene]) -> None:
    """The second change of a subject notes no way back, and one that is the way back closes it."""
    made = scene(
        "kubectl scale statefulset/qdrant --replicas=0 -n x",
        "kubectl scale statefulset/qdrant --replicas=3 -n x",
    )
    incident = made.run(Answers(yes=("Run",), typed="qdrant"))
    assert made.cluster["replicas"] == "3"
    assert [each.command for each in incident.reverts] == [
        "kubectl scale statefulset/qdrant --replicas=3 -n x"
    ]
    assert incident.open_reverts == []


def test_an_exit_code_of_0_is_not_believed(scene: Callable[..., Scene]) -> None:
    """NOAUTH and an empty list are failures, whatever the exit code says."""
    made = scene(
        "kubectl exec redis-0 -n x -- redis-cli ping",
        "kubectl get pods -l component=gone -n x",
        "kubectl get pods -n x | grep nothing",
    )
    incident = made.run()
    ends = [e.data for e in incident.events if e.kind == "step.finished"]
    assert [end["outcome"] for end in ends] == ["failed", "failed", "nothing found"]
    assert "NOAUTH" in ends[0]["reason"]
    assert "component=gone" in ends[1]["reason"]


def test_a_change_without_effect_is_seen(scene: Callable[..., Scene]) -> None:
    """Kubectl says scaled, the state does not show it: the run stops, and looks again first."""
    made = scene("kubectl scale deployment/backend --replicas=5 -n x")
    (made.cluster.folder / "deaf").touch()
    with pytest.raises(Stopped, match="nothing shows"):
        made.run(Answers(yes=("Run",)), as_written=True)
    assert made.kinds()[-1] == "step.verified"
    (made.cluster.folder / "replicas").write_text("5")
    (made.cluster.folder / "ready").write_text("5")
    before = made.cluster.changes
    made.run(Answers(), as_written=True)
    assert made.cluster.changes == before, "its check showed it, so it was not repeated"


def test_a_failure_stops_and_is_tried_again(scene: Callable[..., Scene]) -> None:
    """What follows a failed change is not run before it succeeds."""
    made = scene("kubectl fail now -n x", "kubectl label pod a b=c -n x")
    with pytest.raises(Stopped, match="exit code 3"):
        made.run(Answers(yes=("Run",)), as_written=True)
    assert made.cluster.changes == ["fail now -n x"]
    runner = made.runner(Answers(yes=("Run",)))
    runner.skip(made.tasks(as_written=True)[0], "not needed")
    runner.run(made.tasks(as_written=True))
    assert made.cluster.changes == ["fail now -n x", "label pod a b=c -n x"]


def test_placeholders_are_given_or_observed(scene: Callable[..., Scene]) -> None:
    """A pod's rest of the name is looked up among those that are ready; others are to be given."""
    made = scene("kubectl logs backend-[POD-ID] -n x", "kubectl describe node [NODE] -n x")
    made.run(Answers(), as_written=True)
    assert "logs backend-bbb -n x" in made.cluster.calls
    assert not any("NODE" in call or call.startswith("describe") for call in made.cluster.calls)
    made.run(Answers(), as_written=True, given={"node": "n-1"})
    assert "describe node n-1 -n x" in made.cluster.calls


@pytest.mark.parametrize("value", ["a; kubectl delete pod b", "$(reboot)", "-f", "", "a b", "`id`"])
def test_values_cannot_become_commands(scene: Callable[..., Scene], value: str) -> None:
    """A value is one word that is no option, or the command is not run."""
    made = scene("kubectl describe node [NODE] -n x")
    made.run(Answers(), given={"NODE": value})
    assert made.cluster.calls == []
    assert made.kinds() == ["step.refused"]


def test_dollars_of_other_languages_are_no_variables(scene: Callable[..., Scene]) -> None:
    """`$NF` within awk's quotes is awk's own."""
    made = scene("kubectl get pods -n x | awk '{print $NF}'")
    incident = made.run(Answers())
    assert [e.data["output"] for e in incident.events if e.kind == "step.finished"] == ["1h\n"]


def test_a_step_that_comes_twice_runs_twice(scene: Callable[..., Scene]) -> None:
    """The second look is not left out because it reads like the first."""
    made = scene("kubectl rollout status deploy/a -n x", "kubectl rollout status deploy/a -n x")
    made.run(Answers())
    assert len(made.cluster.calls) == 2


def test_unset_variables_are_not_run(scene: Callable[..., Scene]) -> None:
    """`$NAMESPACE` without a value would make another command of it."""
    made = scene('kubectl get pods -n "$NAMESPACE"')
    made.run(Answers())
    assert made.cluster.calls == []
    assert "NAMESPACE" in made.said[-1]


@pytest.mark.parametrize(
    "command", ["watch kubectl get pods -n x", "kubectl exec -it a -n x -- sh"]
)
def test_what_never_ends_or_waits_is_not_run_as_written(
    scene: Callable[..., Scene], command: str
) -> None:
    """A terminal of one's own is the place for it."""
    made = scene(command)
    with contextlib.suppress(Stopped):
        made.run(Answers(yes=("",)), as_written=True)
    assert made.cluster.calls == []
    assert made.kinds() == ["step.refused"]


def test_a_line_for_a_prompt_is_not_run_in_a_shell(scene: Callable[..., Scene]) -> None:
    """As written it would make a file; as run it is a command of its own, and asked once."""
    made = scene("kubectl exec -it redis-0 -n x -- redis-cli", "> PING", "> INFO replication")
    with pytest.raises(Stopped):
        made.run(Answers(yes=("",)), as_written=True)
    assert made.cluster.calls == []
    made.run(Answers())
    assert made.cluster.calls == [
        "exec redis-0 -n x -- redis-cli -e ping",
        "exec redis-0 -n x -- redis-cli -e info replication",
    ]


def test_switches_that_exclude_each_other(scene: Callable[..., Scene]) -> None:
    """The second is refused until the first is taken back."""
    made = scene(
        "kubectl set env deployment/backend REDIS_ENABLED=false -n x",
        "kubectl set env deployment/backend CACHE_ONLY_MODE=true -n x",
    )
    with pytest.raises(Stopped):
        made.run(Answers(yes=("Run",)))
    assert "nothing to be served" in made.said[-1]
    made.runner(Answers(yes=("Run",))).take_back()
    made.run(Answers(yes=("Run",)))
    assert any("CACHE_ONLY_MODE=true" in call for call in made.cluster.changes)


class Dying:
    """A shell in which the process is killed when a command with this word begins, or has ended."""

    def __init__(self, shell: Shell, word: str, *, after: bool) -> None:
        """Die at what begins with `word`."""
        self._shell, self._word, self._after = shell, word, after

    def run(self, text: str, timeout_s: float) -> Result:
        """Run it, and die before or after."""
        dies = text.startswith(self._word)
        if dies and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = self._shell.run(text, timeout_s)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


@pytest.mark.parametrize("after", [False, True])
def test_killed_in_the_middle_of_a_change(scene: Callable[..., Scene], *, after: bool) -> None:
    """A resume looks first: what took effect is not repeated, what did not is asked about."""
    made = scene("kubectl scale deployment/backend --replicas=5 -n x")
    child = os.fork()
    if child == 0:
        dying = Dying(Bash(made.cluster.variables), "kubectl scale", after=after)
        made.run(Answers(yes=("Run",)), as_written=True, shell=dying)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    incident = made.store.read(made.name)
    assert len(incident.unknown_steps) == 1
    assert [each.command for each in incident.open_reverts] == [
        "kubectl scale deployment/backend --replicas=3 -n x"
    ]
    changes, person = made.cluster.changes, Answers()
    if after:
        incident = made.run(person, as_written=True)
        assert person.asked == []
        assert incident.unknown_steps == []
    else:
        with pytest.raises(Stopped, match="or not"):
            made.run(person, as_written=True)
        assert len(person.asked) == 1
    assert made.cluster.changes == changes
    assert len(made.store.read(made.name).reverts) == 1


def test_a_second_run_does_nothing_again(scene: Callable[..., Scene]) -> None:
    """What ended well is done."""
    made = scene("kubectl scale deployment/backend --replicas=5 -n x", "kubectl get pods -n x")
    made.run(Answers(yes=("Run",)), as_written=True)
    before = made.cluster.calls
    made.run(Answers(), as_written=True)
    assert made.cluster.calls == before


def test_nothing_installed_is_told_step_by_step(
    scene: Callable[..., Scene], tmp_path: Path
) -> None:
    """Without kubectl, and without a shell, each step says what it lacks."""
    made = scene("kubectl get pods -n x")
    made.run(shell=Bash({"PATH": str(tmp_path)}))
    ends = [e.data for e in made.store.read(made.name).events if e.kind == "step.finished"]
    assert "not there" in ends[0]["reason"]
