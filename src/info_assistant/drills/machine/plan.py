"""What a machine is to run: which programs of this computer, which documents, which settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from info_assistant.drills.cluster.contents import NAMESPACE

__all__ = ["NAMESPACE", "Document", "Plan", "Tools"]


@dataclass(frozen=True, slots=True)
class Tools:
    """Programs of this computer: whoever starts a machine knows where they are."""

    kubectl: Path
    redis_server: str
    """A `valkey-server` or `redis-server`."""
    curl: Path


@dataclass(frozen=True, slots=True)
class Document:
    """A document that the assistant knows from the beginning; `source` is its path for people."""

    source: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What a machine begins with.

    `settings` are environment variables of the product, set as its ConfigMap `settings` sets them
    (an operator's `kubectl set env` goes before); `backends` how many replicas it has.
    """

    tools: Tools
    documents: Sequence[Document]
    question: str
    """One that the documents answer, in whatever wording."""
    settings: Mapping[str, str] = field(default_factory=dict)
    backends: int = 2
    most_backends: int = 4
    """So many backends are real, of some 200 MB each; further pods are placeholders."""
    with_models: bool = False
    """Stand-ins for OpenAI and Anthropic write answers; without them answers are quotes."""
    with_backup: bool = False
    """A verified backup is made before anything breaks."""
    second_region: bool = False
    """Another backend with stores of its own, where DNS can lead readers."""
    with_frontend: bool = True
    rollout_s: float = 60.0
    """How long a bad release or a wrong switch may take until every pod has it."""
    start_s: float = 180.0
    """How long everything may take until the first answer; then TimeoutError with the logs."""
