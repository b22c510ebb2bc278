"""The way of each command: resolve, judge, agree, note the way back, run, judge, verify, record.

Nothing is run that has an open value, nothing that may change something without a person's word,
and nothing before the record holds that it begins.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from info_assistant.runbooks.errors import EngineError, StepRefused
from info_assistant.runbooks.linting.cases import Case, Facts, settings_of
from info_assistant.runbooks.model import Form
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident, StepState
from info_assistant.runbooks.record.store import Incidents
from info_assistant.runbooks.running.inverses import Check, checks_of, inverse_of, takes_back
from info_assistant.runbooks.running.judging import Ended, judge
from info_assistant.runbooks.running.plan import Task, case_as_run, graver
from info_assistant.runbooks.running.rivals import Rival, rivals_probe
from info_assistant.runbooks.running.shell import Shell
from info_assistant.runbooks.running.values import Values
from info_assistant.runbooks.shell.effects import Effect

READ_S = 30.0
CHANGE_S = 300.0
VERIFY_S = 120.0
_PROBE_S = 15.0
_PAUSE_S = 2.0
_EXCLUSIVE = ("REDIS_ENABLED=false", "CACHE_ONLY_MODE=true")
"""Two switches of which the second would leave nothing to be served."""
_OWN_TIMEOUT = re.compile(r"--timeout[= ](\d+)(s|m)\b")


class Person(Protocol):
    """Who is asked; without a terminal nobody is there, and every answer is no."""

    def agrees(self, question: str) -> bool:
        """Return whether the person says yes; the default is no."""
        ...

    def types(self, question: str, wanted: str) -> bool:
        """Return whether the person types exactly `wanted`, which is never empty."""
        ...


class Stopped(EngineError):
    """The run ends here; the message says why, and how to go on."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run works with."""

    shell: Shell
    person: Person
    values: Values
    say: Callable[[str], None]
    verify_s: float = VERIFY_S
    pause: threading.Event = field(default_factory=threading.Event)
    """Waited for between two looks; set it to end the waiting."""


class Runner:
    """Carries tasks out for one incident."""

    def __init__(self, store: Incidents, name: str, facts: Facts, tools: Tools) -> None:
        """Record in the incident `name`."""
        self._store = store
        self._name = name
        self._facts = facts
        self._tools = tools

    def run(self, tasks: Sequence[Task]) -> None:
        """Carry the tasks out in their order. Raises Stopped, RecordError."""
        for task in tasks:
            incident = self._store.read(self._name)
            state = incident.steps.get(task.step)
            if (state is not None and _fine(state)) or task.step in incident.skipped:
                self._tools.say(f"line {task.line}: done before")
            elif task.correction is None:
                self._by_hand(task)
            elif state is not None and _in_doubt(state) and self._settled(task, state):
                continue
            else:
                self._command(task, incident)

    def skip(self, task: Task, reason: str) -> None:
        """Record that a task is left out on purpose."""
        self._tell(Kind.SKIPPED, task, reason=reason)

    def take_back(self) -> None:
        """Run the ways back that are still open, the last change first. Raises Stopped."""
        for revert in reversed(self._store.read(self._name).open_reverts):
            case = case_as_run(revert.command, 0, self._facts)
            self._tools.say(f"take back: {revert.command}")
            if not self._tools.person.agrees("Run it?"):
                raise Stopped(
                    "It was not agreed to, so the change stays. `incident close --keep` says why."
                )
            result = self._tools.shell.run(revert.command, CHANGE_S)
            ended = judge(case, result)
            self._tools.say(result.output.rstrip())
            if not ended.fine:
                raise Stopped(
                    f"It failed ({ended.reason}), so the change still is to be taken back."
                )
            data = {"step": revert.key, "reason": revert.command, "output": result.output}
            self._store.tell(self._name, Kind.REVERTED, data)

    def _by_hand(self, task: Task) -> None:
        if self._tools.person.agrees(f"line {task.line}: by hand: {task.text}. Done?"):
            self._tell(Kind.STARTED, task, effect="by hand")
            self._tell(Kind.FINISHED, task, outcome="done")
        else:
            self._tools.say(f"line {task.line}: not done: {task.text}")
            self._tell(Kind.REFUSED, task, reason="nobody said that it is done")

    def _settled(self, task: Task, state: StepState) -> bool:
        """Whether a command without a recorded end is known to have done its work.

        One that only reads is simply run again. Raises Stopped where nobody knows.
        """
        effect = Effect(state.begun.data["effect"])
        if effect is Effect.READ_ONLY:
            return False
        case = case_as_run(str(state.begun.data["command"]), task.line, self._facts)
        checks = checks_of(case)
        self._tools.say(f"line {task.line}: it began before, and nobody knows how it ended")
        if checks and self._verified(task, checks):
            self._tell(Kind.FINISHED, task, outcome="done", reason="its check shows it")
            return True
        if self._tools.person.agrees(
            "Nothing shows that it took effect. Look for yourself. Run it again?"
        ):
            return False
        raise Stopped(
            f"Line {task.line} may have done its work, or not. Look, then go on with `incident "
            f"resume` (to run it again) or `incident resume --skip {task.line}`."
        )

    def _command(self, task: Task, incident: Incident) -> None:
        try:
            case, effect, values = self._prepared(task, incident)
            self._agreed(task, case, effect)
        except StepRefused as refusal:
            self._tell(Kind.REFUSED, task, reason=refusal.message)
            self._tools.say(f"line {task.line}: not run. {refusal.message}")
            if task.correction and task.correction.command.effect is Effect.READ_ONLY:
                return
            raise Stopped(
                f"Line {task.line} was not run, and what follows may rest on it. Go on with "
                f"`incident resume`, or leave it out with `incident resume --skip {task.line}`."
            ) from refusal
        ended = self._run(task, case, effect, values)
        if not ended.fine:
            if effect is Effect.READ_ONLY:
                return
            raise Stopped(
                f"Line {task.line} {ended.outcome}: {ended.reason}. Go on with `incident resume`, "
                f"which tries it again, or leave it out with `incident resume --skip {task.line}`."
            )

    def _prepared(self, task: Task, incident: Incident) -> tuple[Case, Effect, dict[str, str]]:
        """Return the command with its values, and its class. Raises StepRefused."""
        written = task.correction.command if task.correction else None
        if written is not None and written.form is Form.INPUT and task.text == written.text:
            raise StepRefused("It is typed at a prompt, and none is open here.")
        scope = " ".join(case_as_run(task.text, task.line, self._facts).scope)
        resolved = self._tools.values.resolve(task.text, scope)
        case = case_as_run(resolved.text, task.line, self._facts)
        if case.command.endless:
            raise StepRefused("It never ends by itself; run it in a terminal of your own.")
        effect = case.command.effect
        if effect is Effect.INTERACTIVE:
            raise StepRefused("It waits for what is typed; run it in a terminal of your own.")
        if written is not None and written.effect is not Effect.INTERACTIVE:
            effect = graver(effect, written.effect)
        _refuse_contradiction(case, incident)
        return case, effect, dict(resolved.values)

    def _agreed(self, task: Task, case: Case, effect: Effect) -> None:
        """Ask as the class demands. Raises StepRefused where the answer is not yes."""
        say, text = self._tools.say, case.command.text
        say(f"line {task.line} [{effect}] {text}")
        if effect is Effect.READ_ONLY:
            return
        for remark in task.correction.remarks if task.correction else ():
            say(f"    {remark.severity}: {remark.message}")
        rivals = [each.words for each in self._rivals(case)]
        for words in rivals:
            say(f"    warning: {words}")
        if effect is Effect.DESTRUCTIVE:
            target = target_of(case)
            agreed = self._tools.person.types(f"Type {target} to run it", target)
        else:
            agreed = self._tools.person.agrees("Run it?")
        if not agreed:
            raise StepRefused("Nobody agreed to it.")
        told = {"rivals": rivals} if rivals else {}
        self._tell(Kind.CONSENTED, task, command=text, effect=effect, **told)

    def _rivals(self, case: Case) -> Sequence[Rival]:
        """Return who will undo a change; nobody where that cannot be read."""
        asked = rivals_probe(case)
        if asked is None:
            return ()
        found = self._tools.shell.run(asked.command, _PROBE_S)
        return asked.read(found.output.strip("\n'")) if found.exit_code == 0 else ()

    def _run(self, task: Task, case: Case, effect: Effect, values: dict[str, str]) -> Ended:
        text = case.command.text
        begun: dict[str, Any] = {"command": text, "effect": effect, "values": values}
        if effect is not Effect.READ_ONLY:
            begun |= self._way_back(task, case)
        self._tell(Kind.STARTED, task, **begun)
        result = self._tools.shell.run(text, _time_for(text, effect))
        ended = judge(case, result)
        self._tools.say(result.output.rstrip() or "    (it printed nothing)")
        self._tools.say(f"    {': '.join(filter(None, (ended.outcome, ended.reason)))}")
        self._tell(
            Kind.FINISHED, task, outcome=ended.outcome, reason=ended.reason, output=result.output,
            exit_code=result.exit_code, seconds=round(result.seconds, 3),
        )  # fmt: skip
        if ended.fine:
            self._close_reverts(task, case)
        checks = checks_of(case) if ended.fine and effect is not Effect.READ_ONLY else []
        if checks and not self._verified(task, checks):
            raise Stopped(
                f"Line {task.line} ended well, and nothing shows that it took effect. Look at it; "
                "go on with `incident resume` when it has."
            )
        return ended

    def _way_back(self, task: Task, case: Case) -> dict[str, str]:
        """Return the command that takes a change back and what it is about; nothing if none does.

        What was there before the first change of a subject is what is to come back, so a second
        change, or a second try, notes nothing.
        """
        inverse = inverse_of(case)
        known = self._store.read(self._name).reverts
        if inverse is None or any(
            each.key == task.step or (each.subject == inverse.subject and not each.done)
            for each in known
        ):
            return {}
        found = self._tools.shell.run(inverse.probe, _PROBE_S)
        back = inverse.back(found.output.strip("\n'")) if found.exit_code == 0 else None
        if back is None:
            self._tools.say(
                "    What is there now cannot be read, so note yourself how to go back."
            )
        if not back:
            return {}
        self._tools.say(f"    way back: {back}")
        return {"inverse": back, "subject": inverse.subject}

    def _close_reverts(self, task: Task, case: Case) -> None:
        """Note that a change is taken back where a step of the runbook itself did so."""
        for revert in self._store.read(self._name).open_reverts:
            if revert.key != task.step and takes_back(case, revert.command):
                data = {"step": revert.key, "reason": f"by line {task.line}"}
                self._store.tell(self._name, Kind.REVERTED, data)

    def _verified(self, task: Task, checks: Sequence[Check]) -> bool:
        """Look until every check shows the change, or the time for it is up."""
        deadline = time.monotonic() + self._tools.verify_s
        left = list(checks)
        seen = ""
        while True:
            for check in list(left):
                found = self._tools.shell.run(check.command, _PROBE_S * 2)
                seen = found.output.strip("\n'")
                if found.exit_code == 0 and re.search(check.expects, seen):
                    left.remove(check)
            if not left or time.monotonic() >= deadline:
                break
            self._tools.pause.wait(_PAUSE_S)
        outcome = "it took effect" if not left else f"not shown: {seen[:200]}"
        self._tools.say(f"    verified: {outcome}")
        self._tell(Kind.VERIFIED, task, outcome=outcome, shown=not left)
        return not left

    def _tell(self, kind: Kind, task: Task, **data: Any) -> None:  # noqa: ANN401  JSON.
        written = task.correction.command.text if task.correction else task.text
        whole = {"step": task.step, "line": task.line, "as_written": written, **data}
        self._store.tell(self._name, kind, whole)


def _fine(state: StepState) -> bool:
    """Whether a step ended well, and was not found without effect."""
    if state.ended is None or state.ended.data.get("outcome") not in {"done", "nothing found"}:
        return False
    return state.verified is None or bool(state.verified.data.get("shown"))


def _in_doubt(state: StepState) -> bool:
    """Whether a step may have done its work, and nothing has shown it."""
    if state.ended is None:
        return True
    unseen = state.verified is not None and not state.verified.data.get("shown")
    return state.ended.data.get("outcome") == "done" and unseen


def _time_for(text: str, effect: Effect) -> float:
    """Return how many seconds a command has; its own bounds count, one after the other."""
    own = sum(int(n) * (60 if unit == "m" else 1) for n, unit in _OWN_TIMEOUT.findall(text))
    return max(READ_S if effect is Effect.READ_ONLY else CHANGE_S, own + READ_S)


def _refuse_contradiction(case: Case, incident: Incident) -> None:
    """Refuse the second of two switches that leave nothing to be served."""
    wanted = settings_of(case)
    for this, other in (_EXCLUSIVE, _EXCLUSIVE[::-1]):
        name, _, value = this.partition("=")
        if wanted.get(name) != value:
            continue
        for state in incident.steps.values():
            taken_back = any(each.key == state.key and each.done for each in incident.reverts)
            if other in str(state.begun.data.get("command", "")) and not taken_back:
                raise StepRefused(
                    f"{this} with {other}, which line {state.begun.data.get('line')} set, leaves "
                    "nothing to be served. Take that back first (`incident run --reverts`)."
                )


def target_of(case: Case) -> str:
    """Return the name that is typed to agree to a destructive command; never an empty one."""
    for resource in case.kubectl.resources if case.kubectl else ():
        if resource.split("/")[-1]:
            return resource.split("/")[-1]
    last = [word.value for word in case.words if word.plain and re.match(r"\w", word.value)]
    return last[-1] if last else "destroy"
