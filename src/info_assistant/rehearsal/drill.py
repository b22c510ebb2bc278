"""A drill from the quiet before it to the all-clear: break, look, act, verify, mend, tell."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from info_assistant.errors import Unavailable
from info_assistant.rehearsal.audience import DOWN, Audience, audience, told_of, waiting
from info_assistant.rehearsal.engine import Ended, Engine, Service
from info_assistant.rehearsal.plan import Disturbance, Plan, Wanted
from info_assistant.rehearsal.probe import EVERY_S, Asked, Probe, Sample
from info_assistant.rehearsal.report import Action, Report
from info_assistant.rehearsal.stage import Stage, check_ours
from info_assistant.rehearsal.truth import judged
from info_assistant.runbooks.afterwards.checklists import due_reminder
from info_assistant.runbooks.clock import Instant
from info_assistant.runbooks.outbox.messages import outbox_of
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident

QUIET_S = 180.0
"""So long the probe may need until the service answers before anything is broken."""
DETECT_S = 120.0
SERVED_S = 90.0
"""So long people may wait, after an option, until they are served."""
CLEARS_S = 75.0
"""So long traces of a fault may be seen: counters and logs are judged over their last minute."""
MENDED_S = 120.0
TOLD_S = 60.0
BACK_S = 2.0
"""So long a drill waits for the service to find that a receiver is back, before it sends itself."""
IN_A_ROW = 4
"""So many answers one after the other count as served."""
_LOOK_S = 0.2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Probes:
    """Both outside probes: of new questions, and of one that was answered before."""

    new: Probe
    known: Probe

    @property
    def samples(self) -> list[Sample]:
        """What both have seen, by time."""
        return sorted([*self.new.samples, *self.known.samples], key=lambda each: each.at)

    def serve(self, wanted: Wanted, after: float) -> bool:
        """Whether, since then, readers have had several times what an option is to bring."""
        if wanted is Wanted.CLOSED:
            last = [each for each in self.new.samples if each.at >= after][-IN_A_ROW:]
            return len(last) == IN_A_ROW and all(each.code == "maintenance" for each in last)
        probe = self.known if wanted is Wanted.KNOWN else self.new
        return probe.good_in_a_row(after) >= IN_A_ROW

    def fail(self, after: float) -> bool:
        """Whether a reader of new questions was not served since then."""
        return any(not each.good for each in self.new.samples if each.at >= after)


@contextmanager
def probing(stage: Stage, every_s: float) -> Iterator[Probes]:
    """Ask from outside until the block is left."""
    new = Probe(stage.public_url, stage.question, Asked.NEW, every_s=every_s)
    known = Probe(stage.public_url, stage.question, Asked.KNOWN, every_s=every_s)
    try:
        yield Probes(new, known)
    finally:
        new.close()
        known.close()


@dataclass(slots=True)
class _Course:
    """What a drill has come to so far."""

    incident: str = ""
    proof: str = ""
    named: Sequence[str] = ()
    outlook: str = ""
    served: bool = False
    mended: bool = False
    run: Ended = field(default_factory=lambda: Ended(0, ""))
    times: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


class Drill:
    """One drill on a stage; `folder` takes its records, `say` a line for each step."""

    def __init__(
        self, plan: Plan, stage: Stage, folder: Path, say: Say, *, every_s: float = EVERY_S
    ) -> None:
        """Refuse any cluster but a simulated one. Raises Misconfigured."""
        self._every_s = every_s
        check_ours(stage.variables)
        self._plan = plan
        self._stage = stage
        self._folder = folder
        self._say = say
        self._course = _Course()

    def run(self) -> Report:
        """Carry it out and return what it found. Raises Unavailable where it cannot begin."""
        with probing(self._stage, self._every_s) as probes, audience(self._folder) as told:
            variables = {**self._stage.variables, **told.variables, **self._plan.given}
            variables["INCIDENT_PUBLIC_URL"] = self._stage.public_url
            if self._plan.runbook is not None:
                variables["INCIDENT_RUNBOOK"] = str(self._plan.runbook.resolve())
            engine = Engine(self._folder, variables)
            with engine.service() as service:
                self._break(probes, told)
                self._detect(engine, probes)
                self._open(engine)
                self._act(engine, service, probes)
                self._verify(engine, probes)
                self._end(engine, probes, told)
            report = self._report(engine, probes, told)
            return replace(report, truth=judged(report))

    def _break(self, probes: Probes, told: Audience) -> None:
        self._say("The outside probe asks; waiting until it is answered.")
        quiet = probes.new.now()
        if not _within(QUIET_S, lambda: probes.serve(Wanted.NEW, quiet)):
            seen = ", ".join(sorted({f"{s.outcome} {s.code}".strip() for s in probes.new.samples}))
            raise Unavailable(
                f"The stage did not answer within {QUIET_S:.0f} s ({seen}), so nothing was broken."
            )
        told.disturb(self._plan.disturbances)
        self._course.times["fault"] = probes.new.now()
        self._course.proof = self._stage.inject(self._plan.fault)
        self._say(f"Broken: {self._plan.fault} ({self._course.proof}).")

    def _detect(self, engine: Engine, probes: Probes) -> None:
        """Look until the diagnosis names something, as the one who is on call would."""
        course, expected = self._course, self._plan.way.scenario
        until = time.monotonic() + DETECT_S
        while True:
            found = engine.diagnose(self._stage.public_url)
            course.named = [str(each["code"]) for each in found["scenarios"]]
            if course.named or time.monotonic() > until:
                break
        if course.named:
            course.times["detected"] = probes.new.now()
        self._say(f"Diagnosis: {found['answer']}" + ("" if course.named else ", too long"))
        started = _iso(course.times["fault"])
        detected = _iso(course.times.get("detected", probes.new.now()))
        words = ["open", expected, "--drill", "--started", started, "--detected", detected]
        engine.call(*words)
        course.incident = engine.store.current(None)
        self._note(engine, found)

    def _look(self, engine: Engine) -> None:
        self._note(engine, engine.diagnose(self._stage.public_url))

    def _note(self, engine: Engine, found: dict[str, Any]) -> None:
        """Write a diagnosis into the record, as `incident diagnose --record` does."""
        data = {name: value for name, value in found.items() if name != "seen"}
        engine.store.tell(self._course.incident, Kind.DIAGNOSED, data)

    def _open(self, engine: Engine) -> None:
        engine.call("ack", "--id", self._course.incident)
        self._say(f"Opened {self._course.incident} and acknowledged it.")

    def _act(self, engine: Engine, service: Service, probes: Probes) -> None:
        course, way = self._course, self._plan.way
        kill = Disturbance.ENGINE_KILLED in self._plan.disturbances
        given = [f"--set={name}={value}" for name, value in self._plan.given.items()]
        words = ["--scenario", way.scenario, "--option", str(way.number), *given]
        self._say(f"The engine follows option {way.number}; the drill agrees to each step.")
        if kill:
            service.kill()
        consents = self._consents(probes)
        course.run = engine.follow(course.incident, words, consents, kill=kill)
        if kill and not course.run.killed:
            course.remarks.append(
                "The engine was not killed: the option changes nothing by itself."
            )
        if course.run.code:  # As the engine advises, once: what took effect late is found then.
            course.remarks.append(f"The run stopped, and was resumed: {course.run.reason}")
            self._say(course.remarks[-1])
            again = engine.follow(course.incident, words, consents)
            course.run = Ended(again.code, again.text, course.run.killed)
        self._say(f"The run ended: {course.run.reason}")

    def _consents(self, probes: Probes) -> Callable[[str], None]:
        """Return what is done at each question: nothing, but for what people do by hand."""

        def consent(question: str) -> None:
            if self._plan.way.by_hand and "by hand" in question and not self._course.mended:
                self._course.times.setdefault("acted", probes.new.now())
                self._mend(probes)
                served = probes.new.now()
                _within(SERVED_S, lambda: probes.serve(Wanted.NEW, served))

        return consent

    def _mend(self, probes: Probes) -> None:
        if self._stage.mend(self._plan.fault):
            self._course.mended = True
            self._course.times["mended"] = probes.new.now()
        else:
            self._course.remarks.append("What broke stays broken: only the runbook can mend it.")

    def _verify(self, engine: Engine, probes: Probes) -> None:
        """Wait until readers have what the option is to bring, then look as the engine looks."""
        course, way = self._course, self._plan.way
        after = probes.new.now()
        course.served = _within(SERVED_S, lambda: self._served(probes, after))
        course.outlook = self._outlook(engine)
        until = time.monotonic() + CLEARS_S
        while course.served and not way.leaves_cause and self._still_named(engine):
            if time.monotonic() > until:
                break
            self._say("Served, and the engine still sees traces of the fault: looking once more.")
            self._look(engine)
            course.outlook = self._outlook(engine)
        self._say(f"The probe: {way.wanted if course.served else 'not ' + way.wanted}.")
        if course.served and way.wanted is not Wanted.CLOSED:
            text = "Users are served again, as seen from outside."
            engine.call("mitigate", text, "--id", course.incident)

    def _served(self, probes: Probes, after: float) -> bool:
        """Whether readers have what the option is to bring, and the stage agrees."""
        wanted = self._plan.way.wanted
        return probes.serve(wanted, after) and (wanted is Wanted.CLOSED or self._stage.serves())

    def _end(self, engine: Engine, probes: Probes, told: Audience) -> None:
        """Mend what is left, take changes back, give the all-clear, and let it be told."""
        course = self._course
        if not course.mended and (self._plan.way.leaves_cause or not course.served):
            self._mend(probes)
            self._say("What broke is well again; what was changed meanwhile is taken back.")
        left = engine.store.read(course.incident).open_reverts
        if left and not self._plan.way.stays:
            back = engine.follow(course.incident, [], lambda _question: None)
            if back.code:
                course.remarks.append(f"Changes were not all taken back: {back.reason}")
        after = probes.new.now()
        over = _within(MENDED_S, lambda: probes.serve(Wanted.NEW, after))
        if not over:
            course.remarks.append("At the end new questions are still not answered.")
        self._tell_the_end(engine, told, over=over)

    def _tell_the_end(self, engine: Engine, told: Audience, *, over: bool) -> None:
        name = self._course.incident
        if over:
            engine.call("resolve", "The cause is gone.", "--id", name)
            settled = _within(TOLD_S, lambda: self._told_but_those_down(engine))
            if not settled:
                self._course.remarks.append("Not everybody who could be told was told in time.")
        told.calm()
        if not _within(BACK_S, lambda: not waiting(engine.store.seen(name))):
            engine.call("outbox", "flush")  # The service itself may pause for a minute by now.
            _within(TOLD_S, lambda: not waiting(engine.store.seen(name)))

    def _told_but_those_down(self, engine: Engine) -> bool:
        """Whether all-clear and reminders are with everybody who takes messages now."""
        incident = engine.store.seen(self._course.incident)
        runbook = engine.store.runbook(self._course.incident)
        more = due_reminder(incident, runbook, Instant(datetime.now(UTC)))
        down = {DOWN[each] for each in self._plan.disturbances & DOWN.keys()}
        said = any(
            e.kind == Kind.TOLD and e.data.get("what") == "resolved" for e in incident.events
        )
        return said and not more and all(each in down for each in _waiting_for(incident))

    def _outlook(self, engine: Engine) -> str:
        named = self._last_named(engine)
        if named is None:
            return ""
        return f"{' and '.join(named)} still seen" if named else "no scenario is seen any more"

    def _still_named(self, engine: Engine) -> bool:
        return self._plan.way.scenario in (self._last_named(engine) or ())

    def _last_named(self, engine: Engine) -> list[str] | None:
        """Return what the last look after the option named; None where there was none."""
        events = engine.store.read(self._course.incident).events
        chosen = max((e.number for e in events if e.kind == Kind.CHOSEN), default=0)
        looks = [e for e in events if e.kind == Kind.DIAGNOSED and e.number > chosen]
        if not chosen or not looks:
            return None
        return [str(each["code"]) for each in looks[-1].data.get("scenarios", ())]

    def _report(self, engine: Engine, probes: Probes, told: Audience) -> Report:
        course, way = self._course, self._plan.way
        incident = engine.store.read(course.incident)
        looked = self._last_named(engine) is not None
        helped = way.leaves_cause or (looked and not self._still_named(engine))
        return Report(
            self._plan, course.incident, course.proof, course.named,
            diagnosed=way.scenario in course.named,
            verified=course.served and helped and course.run.code == 0,
            outlook=course.outlook,
            times=_times_of(incident, course.times),
            samples=probes.samples,
            told=told_of(incident),
            actions=actions_of(incident),
            faults_of_telling=_faults_of_telling(self._plan, incident, told),
            remarks=course.remarks,
        )  # fmt: skip


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Return whether a condition comes true in that time."""
    pause = threading.Event()
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        pause.wait(_LOOK_S)
    return True


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _times_of(incident: Incident, known: dict[str, float]) -> dict[str, float]:
    """Return the moments of a drill: those that it knows itself, and those of the record."""
    found = dict(known)
    for name in ("acknowledged", "mitigated", "resolved"):
        if name in incident.times:
            found[name] = incident.times[name].timestamp()
    changes = [each.at for each in actions_of(incident) if each.effect != "read-only"]
    if changes:
        found["acted"] = min(changes)
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def actions_of(incident: Incident) -> list[Action]:
    """Return what the engine ran or had done by hand, in the order in which it began."""
    found = []
    for state in incident.steps.values():
        begun: dict[str, Any] = dict(state.begun.data)
        ended = state.ended
        at = state.begun.at.timestamp()
        found.append(
            Action(
                at,
                round(ended.at.timestamp() - at, 3) if ended else 0.0,
                str(begun.get("effect", "")),
                str(begun.get("command") or begun.get("as_written", "")),
                str(ended.data.get("outcome", "")) if ended else "nobody knows how it ended",
            )
        )
    return sorted(found, key=lambda each: each.at)


def _waiting_for(incident: Incident) -> set[str]:
    return {each.message.receiver for each in outbox_of(incident).waiting()}


def _faults_of_telling(plan: Plan, incident: Incident, told: Audience) -> list[str]:
    found = [f"came twice: {each}" for each in told.doubled()]
    found += [f"not marked as a drill: {each}" for each in told.unmarked()]
    found += [f"not delivered: to {each}" for each in sorted(_waiting_for(incident))]
    refused = told.refused()
    for each in plan.disturbances & DOWN.keys():
        if not refused[DOWN[each]]:
            found.append(f"{DOWN[each]} was to be down, and nobody tried to tell it anything")
    return found
