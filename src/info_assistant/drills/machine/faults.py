"""What can be done to a machine, and to a model of one: real faults, each of which shows itself.

`where` is a component (`backend`, `qdrant`, `redis`, `frontend`) or the name of a pod. What is not
`lasting` befalls the processes of the moment: a pod that is started anew is well. What is lasting
befalls each new process as well.
"""

from dataclasses import dataclass

from info_assistant.drills.provider_faults import Behaviour


@dataclass(frozen=True, slots=True)
class Hung:
    """Processes stand still: connections to them are taken, and nothing comes back (SIGSTOP)."""

    where: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Killed:
    """Processes are killed (SIGKILL). Where that is not lasting the kubelet starts them again."""

    where: str
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class DataLost:
    """Object storage and the volume of Qdrant are empty: nobody could build the index again."""


@dataclass(frozen=True, slots=True)
class BackupDamaged:
    """Every backup has lost bytes."""


@dataclass(frozen=True, slots=True)
class ProviderFails:
    """A provider of language models, `openai` or `anthropic`, misbehaves; WELL mends it."""

    provider: str
    how: Behaviour = Behaviour.STATUS_503


@dataclass(frozen=True, slots=True)
class Released:
    """An image is rolled out to the backend, and the rollout has ended well or badly.

    `bad:…` says that it is ready and answers 500 to all else; `crashing:…` ends with code 1.
    """

    image: str = "bad:2"


@dataclass(frozen=True, slots=True)
class Switched:
    """Somebody has set a variable of the backend, such as MAINTENANCE_MODE=true."""

    variable: str
    value: str


@dataclass(frozen=True, slots=True)
class ZoneRefused:
    """DNS takes no changes from us."""


@dataclass(frozen=True, slots=True)
class PromotionRefused:
    """Redis takes no promotion of a replica."""


@dataclass(frozen=True, slots=True)
class TooBusy:
    """The load needs more backends than there are; `hopeless`: than the cluster can have."""

    hopeless: bool = False


Fault = (
    Hung
    | Killed
    | DataLost
    | BackupDamaged
    | ProviderFails
    | Released
    | Switched
    | ZoneRefused
    | PromotionRefused
    | TooBusy
)
"""Anything of these."""


class FaultNotShown(Exception):
    """A fault was injected and nothing shows it."""
