"""What a machine for drills needs from this computer: programs, and documents that it knows."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from info_assistant.cli.local_redis import server
from info_assistant.cli.samples import QUESTION, sample_files
from info_assistant.errors import Misconfigured

if TYPE_CHECKING:
    from info_assistant.drills.machine.plan import Plan, Tools

_ABOUT = "access-to-information/"
"""Where the samples answer the question that a machine is asked."""


def tools() -> "Tools":
    """Return the programs that a machine needs. Raises Misconfigured with how to get them."""
    from info_assistant.drills.machine.plan import Tools  # noqa: PLC0415  Only for drills.

    beside = Path(sys.executable).with_name("kubectl")
    kubectl = str(beside) if beside.is_file() else shutil.which("kubectl")
    if kubectl is None:
        raise Misconfigured(
            "There is no kubectl, with which a drill does what a runbook says. `make kubectl` puts "
            "one into this checkout; or install it so that it is on PATH."
        )
    redis, curl = server(), shutil.which("curl")
    if redis is None:
        raise Misconfigured(
            "There is no Redis for this machine: no Valkey comes with its wheel, and neither "
            "valkey-server nor redis-server is installed. Install one of them."
        )
    if curl is None:
        raise Misconfigured("There is no curl, which the runbook asks with. Install it.")
    return Tools(Path(kubectl), redis, Path(curl))


def plan(equipment: Mapping[str, Any]) -> "Plan":
    """Return a plan with the sample documents about one question; `equipment` are its other fields.

    Raises Misconfigured where a program is missing.
    """
    from info_assistant.drills.machine.plan import Document, Plan  # noqa: PLC0415  The same.

    found = [each for each in sample_files() if each.source.startswith(_ABOUT)]
    documents = [Document(each.source, each.path.read_bytes()) for each in found]
    return Plan(tools(), documents, QUESTION, **equipment)
