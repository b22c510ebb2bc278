"""Every kubectl line of our own runbook, as it is written, by the real kubectl on the simulator."""

from pathlib import Path

from benchmarks.harness.plain_server import answering
from tests.drills.kubectl import ROOT, Kubectl

from info_assistant.drills.cluster.programs import Ended, Installed, ModelledRedis, shell, stock
from info_assistant.drills.cluster.simulator import Setup, running_cluster, settled_cluster
from info_assistant.runbooks.reading.markdown import read_runbook

RUNBOOK = ROOT / "runbooks" / "P0-INCIDENTS.md"
NOTHING_BEFORE = "--previous"
"""The one line that fails where nothing has gone wrong: no container ended before."""


def commands() -> list[str]:
    """Return the runbook's kubectl lines in their order."""
    found = read_runbook(RUNBOOK).commands()
    return [each.text for each in found if each.text.startswith("kubectl")]


def test_each_line_of_our_runbook_does_what_it_says(tmp_path: Path) -> None:
    """All end with code 0, one after the other; only a log from before is not there."""
    failed = []
    with answering(lambda: 200) as port:
        place = f"/dev/tcp/127.0.0.1/{port}"
        places = {"/dev/tcp/127.0.0.1/6333": place, "/dev/tcp/qdrant/6333": place}
        programs = stock(ModelledRedis())
        programs.installed += [
            Installed("bash", shell(places)),
            Installed("/restore-backup.sh", lambda _run: Ended(b"restored\n"), pod="qdrant-*"),
        ]
        cluster = settled_cluster(Setup(programs=programs), scale=60)
        cluster.demand["pubsec-info-assistant/backend"] = 1.0
        with running_cluster(cluster) as running:
            kubectl = Kubectl(tmp_path, running)
            lines = commands()
            for line in lines:
                done = kubectl(line.replace('"$GOOD_REVISION"', "1"))
                if done.returncode:
                    failed.append((line, done.stdout))
    assert len(lines) > 30
    assert [line for line, _ in failed if NOTHING_BEFORE not in line] == [], failed
    assert len(failed) == 1
    assert "previous terminated container" in failed[0][1]
