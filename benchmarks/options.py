"""Each option of the seed's runbook, by the incident engine, on the simulator: `make options`.

Every option is tried three times: where it works, where it does not help, and where the engine is
killed right after its first change and goes on. The cluster is simulated, the service in it is a
model (`harness/outage_world.py`), DNS and the public address are stand-ins; kubectl, the engine and
its record are real. Written to results/options.json.
"""

import argparse
import re
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.outage_world import SCALE, Stage, staged
from benchmarks.harness.trials import conclude_trial

from info_assistant.drills.cluster.documents import name_of
from info_assistant.runbooks.commands.telling import known_corrections
from info_assistant.runbooks.linting.cases import facts_of
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.running.plan import option_of, tasks_of
from info_assistant.runbooks.running.runner import Runner, Stopped, Tools
from info_assistant.runbooks.running.shell import Bash, Result
from info_assistant.runbooks.running.values import Values
from info_assistant.runbooks.shell.classify import classify_script

ROOT = Path(__file__).parents[1]
SEED = ROOT.parent / "shared" / "seed" / "P0-INCIDENTS.md"
RESULT = Path(__file__).parent / "results" / "options.json"
GIVEN = {"GOOD-REVISION": "1", "ZXXXXX": "Z0123456789"}
WITHIN_S = 20.0
NAMESPACE = "pubsec-info-assistant"

Step = Callable[[Stage], None]


class Killed(BaseException):
    """Plays a kill of the engine: nothing of it catches this."""


@dataclass(frozen=True)
class Option:
    """An option, how its outage comes about, and what keeps the option from helping."""

    scenario: str
    number: int
    breaks: Step
    keeps: Step
    by_hand: Step = field(default=lambda _stage: None)
    """What people do where the option is a list for people."""


@dataclass(frozen=True)
class Outcome:
    """What became of a trial; `ends` is how the engine's run ended, in a word.

    `changes_run` counts how often the change was made after which the engine was killed: 0 where
    the option is a list for people, and nothing can be killed; 2 where nothing shows whether it was
    made, so that the person was asked and said yes.
    """

    option: str
    variant: str
    outage_shown: bool
    serves: bool
    ends: str
    reason: str
    changes_run: int
    holds: bool


class Yes:
    """A person who agrees to everything and types what is asked for."""

    def __init__(self, by_hand: Callable[[], None]) -> None:
        """Do `by_hand` when asked whether something is done."""
        self._by_hand = by_hand

    def agrees(self, question: str) -> bool:
        """Say yes."""
        if "by hand" in question:
            self._by_hand()
        return True

    def types(self, question: str, wanted: str) -> bool:
        """Type it."""
        del question, wanted
        return True


class FastBash:
    """A bash whose commands wait as much less as the cluster's time runs faster; counts changes.

    `kill_after` lets the engine die right after the first change whose command holds this text.
    """

    def __init__(self, variables: Mapping[str, str], folder: Path, kill_after: str = "") -> None:
        """Run commands in `folder`."""
        self._bash = Bash({**variables, "PWD": str(folder)})
        self._folder = folder
        self.kill_after = kill_after
        self.ran: Counter[str] = Counter()

    def run(self, command: str, timeout_s: float) -> Result:
        """Run a command. Raises Killed."""
        self.ran[command] += 1
        quick = re.sub(
            r"--timeout=(\d+)s",
            lambda found: f"--timeout={max(15, int(found[1]) // int(SCALE))}s",
            command,
        )
        result = self._bash.run(f"cd {self._folder} && {quick}", timeout_s)
        if self.kill_after and self.kill_after in command and _changes(command):
            self.kill_after = ""
            raise Killed
        return result


def _changes(command: str) -> bool:
    """Return whether a command does not only look, such as before a change or after it."""
    return classify_script(command).effect.rank > 0


def _bad_release(stage: Stage) -> None:
    """Roll out an image that is well at first, and breaks when all pods have it."""
    _command(stage, f"kubectl set image deployment/backend backend=bad:2 -n {NAMESPACE}")
    _command(stage, f"kubectl rollout status deployment/backend -n {NAMESPACE} --timeout=20s")
    stage.world.bad_images.add("bad:2")


def _command(stage: Stage, command: str) -> None:
    result = Bash(stage.variables).run(command, 60.0)
    if result.exit_code:
        raise RuntimeError(f"{command}: {result.output}")


def _sick(*components: str) -> Step:
    def make(stage: Stage) -> None:
        for component in components:
            pods = stage.cluster.pods(component)
            stage.world.sick |= {pod["metadata"]["uid"] for pod in pods}

    return make


def _sick_pod(name: str) -> Step:
    def make(stage: Stage) -> None:
        pods = stage.cluster.pods(name.partition("-")[0])
        stage.world.sick |= {p["metadata"]["uid"] for p in pods if name_of(p) == name}

    return make


def _broken(*names: str) -> Step:
    return lambda stage: stage.world.broken.update(names)


def _world(**values: object) -> Step:
    def make(stage: Stage) -> None:
        for name, value in values.items():
            setattr(stage.world, name, value)

    return make


def _refused_zone(stage: Stage) -> None:
    (stage.world.folder / "refused").touch()


def _cluster_mode(stage: Stage) -> None:
    stage.world.redis.cluster_mode = True


OPTIONS = (
    Option("P0-1", 1, _bad_release, _broken("backend")),
    Option("P0-1", 2, _sick("backend"), _broken("backend")),
    Option("P0-1", 3, _world(needed=8), _world(needed=12)),
    Option("P0-2", 1, _sick_pod("qdrant-0"), _broken("qdrant-0")),
    Option("P0-2", 2, _world(data_lost=True), _world(restore_works=False)),
    Option("P0-2", 3, _broken("qdrant"), _refused_zone),
    Option("P0-3", 1, _sick("redis"), _broken("redis")),
    Option("P0-3", 2, _broken("redis-0"), _cluster_mode),
    Option("P0-3", 3, _broken("redis"), _broken("backend")),
    Option("P0-4", 1, _world(openai_up=False), _world(), by_hand=_world(openai_up=True)),
    Option("P0-4", 2, _world(openai_up=False), _world(anthropic_up=False)),
    Option("P0-4", 3, _world(openai_up=False), _broken("redis")),
)
VARIANTS = ("works", "does not help", "crashes midway")


def trial(option: Option, variant: str, folder: Path) -> Outcome:
    """Break, let the engine carry the option out, and look from outside."""
    curl = shutil.which("curl") or "curl"
    with staged(folder, ROOT / ".venv" / "bin" / "kubectl", curl) as stage:
        option.breaks(stage)
        if variant == "does not help":
            option.keeps(stage)
        shown = _shows(stage)
        helps = option.by_hand if variant != "does not help" else (lambda _stage: None)
        ends, reason, changes = _carried_out(option, variant, stage, lambda: helps(stage))
        good = variant != "does not help"
        serves = stage.comes_to_serve(WITHIN_S if good else 2.0)
    holds = shown and serves is good and (not good or ends == "finished")
    name = f"{option.scenario} option {option.number}"
    return Outcome(name, variant, shown, serves, ends, reason, changes, holds)


def _shows(stage: Stage) -> bool:
    """Return whether the outage is there, after a moment for probes to see it."""
    pause = threading.Event()
    for _ in range(100):
        if not stage.serves():
            return True
        pause.wait(0.1)
    return False


def _carried_out(
    option: Option, variant: str, stage: Stage, by_hand: Callable[[], None]
) -> tuple[str, str, int]:
    store = Incidents(stage.world.folder / "incidents", Redaction(), author=("ada", "desk"))
    opening = Opening("Tried", option.scenario)
    name = store.open(opening, SEED.read_bytes(), "P0-INCIDENTS.md").id
    runbook = store.runbook(name)
    scenario = next(each for each in runbook.scenarios if each.code == option.scenario)
    steps = option_of(scenario, option.number).steps
    tasks = tasks_of(steps, known_corrections(runbook), as_written=False)
    first = next((t.text for t in tasks if t.correction and t.correction.command.effect.rank), "")
    kill = " ".join(first.split()[:4]) if variant == "crashes midway" else ""
    bash = FastBash(stage.variables, stage.world.folder, kill)
    values = Values(GIVEN, stage.variables, bash)
    tools = Tools(bash, Yes(by_hand), values, lambda _line: None, verify_s=WITHIN_S)
    ends, reason = "killed", ""
    while ends == "killed":
        try:
            Runner(store, name, facts_of(runbook), tools).run(tasks)
            ends = "finished"
        except Killed:
            continue
        except Stopped as stopped:
            ends, reason = "stopped", str(stopped)
    if kill and bash.kill_after:
        raise RuntimeError(f"{option}: nothing held {kill!r}, so the engine was never killed")
    changes = sum(n for text, n in bash.ran.items() if kill and kill in text and _changes(text))
    return ends, reason, changes


def all_trials(only: str = "") -> list[Outcome]:
    """Return what became of each option in each variant."""
    outcomes = []
    for option in OPTIONS:
        for variant in VARIANTS:
            if only and only not in f"{option.scenario} option {option.number} {variant}":
                continue
            with tempfile.TemporaryDirectory() as folder:
                outcome = trial(option, variant, Path(folder))
            print(outcome.option, variant, outcome.ends, outcome.serves, outcome.holds, flush=True)
            outcomes.append(outcome)
    return outcomes


def main() -> int:
    """Try all of them and keep what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="Such as 'P0-2 option 1'; nothing is kept then.")
    only: str = parser.parse_args().only
    outcomes = all_trials(only)
    good = [each for each in outcomes if each.variant == "works"]
    unhelpful = [each for each in outcomes if each.variant == "does not help"]
    result = {
        "what": "the seed's runbook, by the engine, on the cluster simulator",
        "works_and_serves": sum(each.serves for each in good),
        "of": len(good),
        "does_not_help_and_the_run_says_so": sum(each.ends == "stopped" for each in unhelpful),
        "holds": all(each.holds for each in outcomes),
        "outcomes": [asdict(each) for each in outcomes],
    }
    if only:
        print(*outcomes, sep="\n")
        return 0 if result["holds"] else 1
    return conclude_trial(result, RESULT)


if __name__ == "__main__":
    sys.exit(main())
