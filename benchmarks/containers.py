"""Runs the application's image as a cluster would, and looks at what it does: a rung of the ladder.

Hardened containers of one image (backend, worker, web page; Redis and a Qdrant from what the image
brings for one machine) are started under a limit, asked, probed, cut off, stopped in the middle of
questions, killed, and upgraded to a version whose stored shapes are one higher, and back.

Usage: python -m benchmarks.containers [--image NAME]     after `make images`; needs root and podman
"""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness import container_checks as checks
from benchmarks.harness.container_stand import Stand, clean_podman, stand
from benchmarks.harness.podman import CommandFailed
from benchmarks.harness.report import RESULTS, say
from benchmarks.harness.trials import conclude_trial
from scripts.build_images import TAG, BuildFailed

NOT_PROVEN = (
    "the default BASE of the Containerfile: only a minimal Debian made here was built on",
    "pushing to and pulling from a registry, and architectures other than this machine's",
    "anything of Kubernetes: kubelet, probes by it, volumes, network policies",
    "a real Qdrant and its image: the Qdrant here is local-qdrant behind a forwarder",
)


@dataclass(slots=True)
class Outcome:
    """What was seen, by the name of the check, and what did not hold."""

    seen: dict[str, Any] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def note(self, name: str, check: Callable[[], Mapping[str, Any]]) -> None:
        """Run a check and keep what it saw; the next ones run even if this one fails."""
        say(f"{name} …")
        try:
            self.seen[name] = dict(check())
        except (AssertionError, TimeoutError, CommandFailed, OSError) as error:
            self.broken[name] = f"{type(error).__name__}: {error}"
            say(f"  does not hold: {self.broken[name][:2000]}")


def main() -> int:
    """Run the trial; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default=TAG)
    image: str = parser.parse_args().image
    # Whoever stops us finds every container gone, also where Ctrl-C does not reach us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcome = Outcome()
    try:
        with clean_podman() as podman:
            podman.require(image)
            outcome.note("image", lambda: checks.look_at_image(podman, image))
            with stand(podman, image) as running:
                look_at(running, image, outcome)
            outcome.note("start", lambda: checks.start_under_limits(podman, image))
    except BuildFailed as failure:
        say(str(failure))
        return 1
    for each in NOT_PROVEN:
        say(f"Not proven: {each}.")
    result = {"image_name": image, **outcome.seen, "broken": outcome.broken}
    result |= {"not_proven": NOT_PROVEN, "holds": not outcome.broken}
    return conclude_trial(result, RESULTS / "containers.json")


def look_at(running: Stand, image: str, outcome: Outcome) -> None:
    """Run the checks of a stand, in an order in which each finds the stand whole."""
    outcome.note("rights", lambda: checks.rights(running))
    outcome.note("documents", lambda: checks.take_in_samples(running))
    outcome.note("probes", lambda: checks.probes(running))
    outcome.note("exec", lambda: checks.execute_inside(running))
    outcome.note("qdrant cut off", lambda: checks.cut_qdrant(running))
    outcome.note("redis cut off", lambda: checks.cut_redis(running))
    outcome.note("crash", lambda: checks.crash(running))
    outcome.note("drain", lambda: checks.drain(running))
    outcome.note("upgrade and back", lambda: checks.upgrade_and_back(running, image))


if __name__ == "__main__":
    sys.exit(main())
