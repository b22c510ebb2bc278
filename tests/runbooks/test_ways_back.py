"""The way back of a promoted replica, and who will undo a change: real kubectl, real Redis."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.harness.outage_world import ModelStage, model_stage
from tests.redis_process import RedisProcess
from tests.runbooks.test_runner import Answers

from info_assistant.runbooks.commands.telling import known_corrections
from info_assistant.runbooks.linting.cases import Facts, facts_of
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.running.inverses import inverse_of
from info_assistant.runbooks.running.plan import case_as_run, option_of, tasks_of
from info_assistant.runbooks.running.rivals import rivals_probe
from info_assistant.runbooks.running.runner import Runner, Tools
from info_assistant.runbooks.running.shell import Bash
from info_assistant.runbooks.running.values import Values

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="commands run in a shell."),
]
_TEXT = "## P1-1: Made up\n\n### Resolution\n\n**Option 1: Act**\n\n```bash\n{}\n```\n"
NO_FACTS = Facts(None, scaled_by_itself=False, label=None, controllers=frozenset())
_PROMOTE = "kubectl exec redis-1 -n pubsec-info-assistant -- redis-cli -e REPLICAOF NO ONE"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelStage]:
    """A simulated cluster and what a shell needs for it."""
    folder = tmp_path_factory.mktemp("stage")
    with model_stage(folder) as found:
        yield found


class Desk:
    """An incident with one option, carried out in the cluster."""

    def __init__(self, stage: ModelStage, folder: Path, command: str) -> None:
        """Open the incident."""
        self.store = Incidents(folder / "incidents", Redaction(), author=("ada", "desk"))
        text = _TEXT.format(command).encode()
        self.name = self.store.open(Opening("Made up", "P1-1"), text, "r.md").id
        self.said: list[str] = []
        bash = Bash({**stage.variables, "HOSTED_ZONE_ID": "Z1"})
        values = Values({}, {**stage.variables, "HOSTED_ZONE_ID": "Z1"}, bash)
        tools = Tools(bash, Answers(("Run it",)), values, self.said.append, verify_s=30.0)
        self.runbook = self.store.runbook(self.name)
        self.runner = Runner(self.store, self.name, facts_of(self.runbook), tools)

    def run(self) -> Incident:
        """Carry the option out, and return what the incident has come to."""
        steps = option_of(self.runbook.scenarios[0], 1).steps
        known = known_corrections(self.runbook)
        self.runner.run(tasks_of(steps, known, as_written=True))
        return self.store.read(self.name)


def test_a_promoted_replica_goes_back_to_its_master(stage: ModelStage, tmp_path: Path) -> None:
    """Who its master was is noted before; it is verified to be one, and attached again at close."""
    desk = Desk(stage, tmp_path, _PROMOTE)
    incident = desk.run()
    (revert,) = incident.open_reverts
    assert revert.command == _PROMOTE.replace("NO ONE", "redis-0.redis 6379")
    assert "redis-1" in stage.world.redis.masters
    assert any(event.kind == Kind.VERIFIED for event in incident.events)
    desk.runner.take_back()
    assert "redis-1" not in stage.world.redis.masters
    assert desk.store.read(desk.name).open_reverts == []


def test_a_promoted_master_has_nothing_to_go_back_to(stage: ModelStage, tmp_path: Path) -> None:
    """Nothing is offered at close that would demote the master, and nothing is said to be lost."""
    desk = Desk(stage, tmp_path, _PROMOTE.replace("redis-1", "redis-0"))
    assert desk.run().open_reverts == []
    assert not any("cannot be read" in line for line in desk.said)


def test_the_way_back_is_what_a_real_redis_tells(tmp_path: Path) -> None:
    """`info replication` of a real replica names the master; that of a master names none."""
    with_master, replica = RedisProcess(tmp_path / "a"), RedisProcess(tmp_path / "b")
    inverse = inverse_of(case_as_run(_PROMOTE, 1, NO_FACTS))
    assert inverse is not None
    try:
        with_master.start()
        replica.start()
        assert b"OK" in asked(replica, f"REPLICAOF 127.0.0.1 {with_master.port}")
        printed = asked(replica, "INFO replication").decode()
        wanted = _PROMOTE.replace("NO ONE", f"127.0.0.1 {with_master.port}")
        assert inverse.back(printed) == wanted
        assert inverse.back(asked(with_master, "INFO replication").decode()) == ""
        assert inverse.back("NOAUTH Authentication required.") is None
    finally:
        with_master.stop()
        replica.stop()


def asked(server: RedisProcess, line: str) -> bytes:
    """Ask a real Redis in its inline form."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(f"{line}\r\n".encode())
        return connection.recv(1 << 16)


def test_dns_goes_back_record_by_record(stage: ModelStage, tmp_path: Path) -> None:
    """A change of weights by the runbook's own command is taken back by the old records."""
    command = (
        'aws route53 change-resource-record-sets --hosted-zone-id "$HOSTED_ZONE_ID" '
        f"--change-batch file://{stage.world.folder}/failover.json"
    )
    desk = Desk(stage, tmp_path, command)
    (revert,) = desk.run().open_reverts
    assert '"SetIdentifier":"primary","Weight":100' in revert.command.replace(", ", ",")
    assert "--hosted-zone-id Z1 " in revert.command


FLUX = "toolkit.fluxcd.io"
_IN = "-n pubsec-info-assistant deployment frontend"
MARKS = (
    f"kubectl annotate {_IN} argocd.argoproj.io/tracking-id=assist:apps/Deployment:x/b",
    f"kubectl label {_IN} kustomize.{FLUX}/name=apps kustomize.{FLUX}/namespace=flux-system",
    f"kubectl label {_IN} helm.{FLUX}/name=release",
)
RIVALS = {
    "Argo CD's application assist": "applications.argoproj.io assist -n argocd",
    "Flux's kustomization apps": "flux suspend kustomization apps -n flux-system",
    "Flux's helmrelease release": "flux suspend helmrelease release",
}


def test_gitops_is_told_before_anything_is_changed(stage: ModelStage, tmp_path: Path) -> None:
    """Who will put it back and how to pause that is said before the question, and recorded."""
    marked = Bash(stage.variables).run("; ".join(MARKS), 60.0)
    assert marked.exit_code == 0, marked.output
    set_env = "kubectl set env deployment/frontend MAINTENANCE_MODE=true -c frontend"
    desk = Desk(stage, tmp_path, f"{set_env} -n pubsec-info-assistant")
    incident = desk.run()
    began = next(n for n, line in enumerate(desk.said) if "way back" in line)
    consent = next(e for e in incident.events if e.kind == Kind.CONSENTED)
    for who, how in RIVALS.items():
        warned = next(n for n, line in enumerate(desk.said) if who in line)
        assert how in desk.said[warned]
        assert "MAINTENANCE_MODE back" in desk.said[warned]
        assert warned < began
        assert any(who in each for each in consent.data["rivals"])


def test_an_autoscaler_is_told_and_a_free_workload_is_not(stage: ModelStage) -> None:
    """A scale of what an autoscaler holds is warned of; a StatefulSet without one is not."""
    bash = Bash(stage.variables)
    for target, warned in (("deployment/backend", True), ("statefulset/qdrant", False)):
        line = f"kubectl scale {target} --replicas=4 -n pubsec-info-assistant"
        probe = rivals_probe(case_as_run(line, 1, NO_FACTS))
        assert probe is not None
        found = bash.run(probe.command, 60.0)
        assert found.exit_code == 0, found.output
        names = [each.name for each in probe.read(found.output)]
        assert names == (["HorizontalPodAutoscaler backend"] if warned else [])
    looking = case_as_run("kubectl get deployment/backend -n pubsec-info-assistant", 1, NO_FACTS)
    assert rivals_probe(looking) is None
