"""Reads the Protocol Buffers that `kubectl create` and `kubectl auth` send, by a small table.

Clients made from Kubernetes's own types write protobuf and read JSON as well. Only the messages of
commands that the simulator is meant for are here; a field that is not is refused by its number,
so that nothing is ever lost in silence.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from info_assistant.drills.cluster.documents import Document
from info_assistant.drills.cluster.problems import Refused

MAGIC = b"k8s\x00"
"""How such a body begins."""

_META = {1: ("metadata", "ObjectMeta")}
_FIELDS: Mapping[str, Mapping[int, tuple[str, str]]] = {
    # number: (name, type); `*` a list, `{}` a map of strings, `{b}` a map of bytes.
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        4: ("selfLink", "string"),
        5: ("uid", "string"),
        6: ("resourceVersion", "string"),
        7: ("generation", "int"),
        8: ("creationTimestamp", "skip"),
        11: ("labels", "{}"),
        12: ("annotations", "{}"),
        13: ("ownerReferences", "*OwnerReference"),
        14: ("finalizers", "*string"),
    },
    "OwnerReference": {
        1: ("kind", "string"),
        3: ("name", "string"),
        4: ("uid", "string"),
        5: ("apiVersion", "string"),
        6: ("controller", "bool"),
        7: ("blockOwnerDeletion", "bool"),
    },
    "ConfigMap": {**_META, 2: ("data", "{}"), 3: ("binaryData", "{b}"), 4: ("immutable", "bool")},
    "Secret": {**_META, 2: ("data", "{b}"), 3: ("type", "string"), 4: ("stringData", "{}")},
    "Namespace": {**_META, 2: ("spec", "skip"), 3: ("status", "skip")},
    "Deployment": {**_META, 2: ("spec", "DeploymentSpec"), 3: ("status", "skip")},
    "DeploymentSpec": {
        1: ("replicas", "int"),
        2: ("selector", "LabelSelector"),
        3: ("template", "PodTemplateSpec"),
        4: ("strategy", "DeploymentStrategy"),
        5: ("minReadySeconds", "int"),
        6: ("revisionHistoryLimit", "int"),
        7: ("paused", "bool"),
        9: ("progressDeadlineSeconds", "int"),
    },
    "DeploymentStrategy": {1: ("type", "string")},
    "LabelSelector": {1: ("matchLabels", "{}")},
    "PodTemplateSpec": {**_META, 2: ("spec", "PodSpec")},
    "PodSpec": {
        2: ("containers", "*Container"),
        3: ("restartPolicy", "string"),
        4: ("terminationGracePeriodSeconds", "int"),
        6: ("dnsPolicy", "string"),
        8: ("serviceAccountName", "string"),
        9: ("serviceAccount", "string"),
        10: ("nodeName", "string"),
        11: ("hostNetwork", "bool"),
        12: ("hostPID", "bool"),
        13: ("hostIPC", "bool"),
        14: ("securityContext", "Empty"),
        16: ("hostname", "string"),
        17: ("subdomain", "string"),
        19: ("schedulerName", "string"),
        20: ("initContainers", "*Container"),
        24: ("priorityClassName", "string"),
    },
    "Container": {
        1: ("name", "string"),
        2: ("image", "string"),
        3: ("command", "*string"),
        4: ("args", "*string"),
        5: ("workingDir", "string"),
        6: ("ports", "*ContainerPort"),
        7: ("env", "*EnvVar"),
        8: ("resources", "Empty"),
        13: ("terminationMessagePath", "string"),
        14: ("imagePullPolicy", "string"),
        16: ("stdin", "bool"),
        17: ("stdinOnce", "bool"),
        18: ("tty", "bool"),
        20: ("terminationMessagePolicy", "string"),
    },
    "ContainerPort": {
        1: ("name", "string"),
        2: ("hostPort", "int"),
        3: ("containerPort", "int"),
        4: ("protocol", "string"),
        5: ("hostIP", "string"),
    },
    "EnvVar": {1: ("name", "string"), 2: ("value", "string")},
    "Job": {**_META, 2: ("spec", "JobSpec"), 3: ("status", "skip")},
    "JobSpec": {
        1: ("parallelism", "int"),
        2: ("completions", "int"),
        3: ("activeDeadlineSeconds", "int"),
        4: ("selector", "LabelSelector"),
        6: ("template", "PodTemplateSpec"),
        7: ("backoffLimit", "int"),
        8: ("ttlSecondsAfterFinished", "int"),
    },
    "SelfSubjectAccessReview": {**_META, 2: ("spec", "AccessSpec"), 3: ("status", "skip")},
    "AccessSpec": {1: ("resourceAttributes", "Access"), 2: ("nonResourceAttributes", "skip")},
    "Access": {
        1: ("namespace", "string"),
        2: ("verb", "string"),
        3: ("group", "string"),
        4: ("version", "string"),
        5: ("resource", "string"),
        6: ("subresource", "string"),
        7: ("name", "string"),
        8: ("fieldSelector", "skip"),
        9: ("labelSelector", "skip"),
    },
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "bool"),
        4: ("propagationPolicy", "string"),
        5: ("dryRun", "*string"),
    },
    "Preconditions": {1: ("uid", "string"), 2: ("resourceVersion", "string")},
    "Eviction": {**_META, 2: ("deleteOptions", "DeleteOptions")},
    "Unknown": {
        1: ("typeMeta", "TypeMeta"),
        2: ("raw", "bytes"),
        3: ("e", "skip"),
        4: ("c", "skip"),
    },
    "TypeMeta": {1: ("apiVersion", "string"), 2: ("kind", "string")},
    "Empty": {},
}
_DROPPED_WHEN_EMPTY = ("", 0, False)


def read_object(body: bytes) -> Document:
    """Return the object that a body holds. Raises Refused for what the table does not know."""
    try:
        outer = _message(body[len(MAGIC) :], "Unknown")
        found = _message(outer["raw"], outer["typeMeta"]["kind"])
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise _unknown(f"what follows {error}") from error
    return {**outer["typeMeta"], **found}


def _unknown(what: str) -> Refused:
    return Refused(
        415,
        "UnsupportedMediaType",
        f"the simulator cannot read {what} as protobuf; send the object as JSON instead: add "
        "--dry-run=client -o json and give that to kubectl create -f -",
    )


def _message(data: bytes, kind: str) -> Document:
    if kind not in _FIELDS:
        raise _unknown(f"objects of the kind {kind}")
    result: Document = {}
    for number, value in _parts(data):
        field = _FIELDS[kind].get(number)
        if field is None:
            raise _unknown(f"field {number} of {kind}")
        name, type_ = field
        if type_.startswith("*"):
            result.setdefault(name, []).append(_value(value, type_[1:]))
        elif type_.startswith("{"):
            pair = dict(_parts(value))
            content = pair.get(2, b"")
            text = base64.b64encode(content).decode() if type_ == "{b}" else content.decode()
            result.setdefault(name, {})[pair.get(1, b"").decode()] = text
        elif type_ != "skip":
            read = _value(value, type_)
            # Written by Go as nothing; left out here, such that defaults are filled in.
            if read not in _DROPPED_WHEN_EMPTY or name in {"replicas", "gracePeriodSeconds"}:
                result[name] = read
    return result


def _value(value: Any, type_: str) -> Any:  # noqa: ANN401
    if type_ == "string":
        return value.decode()
    if type_ == "bool":
        return bool(value)
    return value if type_ in {"int", "bytes"} else _message(value, type_)


def _parts(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the numbered parts of a message: whole numbers, and pieces with a length."""
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        if tag & 7 == 0:
            value: Any
            value, at = _number(data, at)
        elif tag & 7 == 2:  # noqa: PLR2004  The wire type of pieces with a length.
            length, at = _number(data, at)
            value, at = data[at : at + length], at + length
        else:
            raise _unknown(f"a part of the type {tag & 7}")
        yield tag >> 3, value


def _number(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  The last byte of a number.
            return result, at
        shift += 7
