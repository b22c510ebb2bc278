"""Commands that no runbook uses: the simulator is not made of the runbook's answers."""

import re
from pathlib import Path

from tests.drills.kubectl import ROOT, Kubectl

from info_assistant.drills.cluster.contents import smallest
from info_assistant.drills.cluster.simulator import Setup, running_cluster, settled_cluster

LIST = ROOT / "tests" / "fixtures" / "cluster" / "unrelated-commands.txt"


def test_twenty_commands_that_were_listed_first_do_what_they_do(tmp_path: Path) -> None:
    """Each prints what the list says, with its exit code, one after the other on one cluster."""
    lines = [each for each in LIST.read_text().splitlines() if each and not each.startswith("#")]
    # Without its autoscaler, which would set the replicas of the backend again meanwhile.
    items = [each for each in smallest() if each["kind"] != "HorizontalPodAutoscaler"]
    wrong = []
    with running_cluster(settled_cluster(Setup(items=items), scale=60)) as running:
        kubectl = Kubectl(tmp_path, running)
        for line in lines:
            command, expected = line.split(" => ")
            code, pattern = (1, expected[2:]) if expected.startswith("1 ") else (0, expected)
            done = kubectl(command)
            if done.returncode != code or not re.search(pattern, done.stdout):
                wrong.append(f"{command}: {done.returncode} {done.stdout}")
    assert len(lines) == 20
    assert wrong == []
