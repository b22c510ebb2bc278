"""Weighted DNS records, and the batches of changes that lead readers from one region to another.

A batch has Route 53's own shape, so that `aws route53 change-resource-record-sets` takes the same
file. It only ever replaces records that are there (UPSERT), and of those only the weight: its
inverse is therefore the batch of the records as they were.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from info_assistant.errors import InvalidRequest, NotFound

ALL, NOTHING = 100, 0
"""The weights of the record that readers are led to, and of every other one."""

_PLACEHOLDER = re.compile(rb"\bZ?X{3,}\b")
_LONGEST_COMMENT = 256
_ESCAPED = re.compile(r"\\(\d{3})")


@dataclass(frozen=True, slots=True)
class RecordSet:
    """A weighted record set, word for word as Route 53 gives it."""

    fields: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it within a zone: name, type, and which of the weighted ones it is."""
        return dns_name(self.fields["Name"]), self.fields["Type"], self.fields["SetIdentifier"]

    @property
    def identifier(self) -> str:
        """Which of the weighted ones it is."""
        return self.key[2]

    @property
    def weight(self) -> int:
        """Its share of the answers, beside the weights of the others of its name and type."""
        return int(self.fields["Weight"])

    @property
    def ttl_s(self) -> int | None:
        """How long a resolver may keep it, in seconds; None for an alias, whose target decides."""
        return self.fields.get("TTL")

    def weighing(self, weight: int) -> Self:
        """Return it with another weight and nothing else changed."""
        return type(self)({**self.fields, "Weight": weight})

    def differs_in_weight_only(self, other: Self) -> bool:
        """Whether the other one is the same record but for its weight."""
        return self.weighing(NOTHING) == other.weighing(NOTHING)

    def __str__(self) -> str:
        """Name it as people do."""
        name, kind, identifier = self.key
        return f"{name.rstrip('.')} {kind} {identifier!r}"


def dns_name(name: str) -> str:
    """Return a name as Route 53 gives it: in small letters, with its last dot, unescaped."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), name)
    return plain.lower().rstrip(".") + "."


def shifted(records: Iterable[RecordSet], towards: str) -> Sequence[RecordSet]:
    """Return the records with all weight on those that `towards` identifies.

    Raises NotFound where a name and type have no such record: its readers would stay behind.
    """
    found = tuple(records)
    led = {record.key[:2] for record in found if record.identifier == towards}
    for record in found:
        if record.key[:2] not in led:
            name, kind, _ = record.key
            raise NotFound(
                f"{name.rstrip('.')} has weighted {kind} records, but none with the SetIdentifier "
                f"{towards!r}, so its readers would stay where they are. Create one with weight 0 "
                "that points to the second region, or correct SECOND_REGION_RECORD."
            )
    return tuple(
        record.weighing(ALL if record.identifier == towards else NOTHING) for record in found
    )


def batch_of(records: Iterable[RecordSet], comment: str) -> bytes:
    """Return the change batch that sets these records, as a file for people and for `aws`."""
    changes = [{"Action": "UPSERT", "ResourceRecordSet": dict(record.fields)} for record in records]
    batch = {"Comment": comment[:_LONGEST_COMMENT], "Changes": changes}
    return (json.dumps(batch, indent=2, ensure_ascii=False) + "\n").encode()


def records_of(batch: bytes, source: str) -> Sequence[RecordSet]:
    """Return the records that a change batch sets. Raises InvalidRequest naming `source`."""
    try:
        changes = json.loads(batch)["Changes"]
        actions = {change["Action"] for change in changes}
        records = tuple(RecordSet(change["ResourceRecordSet"]) for change in changes)
        keys = {record.key for record in records}
        weights = [record.weight for record in records]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequest(
            f"{source} is no batch of changes of weighted records ({type(error).__name__}). Make "
            "it with `info-assistant failover plan`."
        ) from error
    if _PLACEHOLDER.search(batch):
        raise InvalidRequest(f"{source} still holds a placeholder (XXX). Make it anew.")
    if actions != {"UPSERT"} or len(keys) != len(records) or min(weights) < 0:
        raise InvalidRequest(
            f"{source} does more than replace each record once by one of another weight (UPSERT), "
            "so it could not be taken back. Make it with `info-assistant failover plan`."
        )
    return records


def same(one: Iterable[RecordSet], other: Iterable[RecordSet]) -> bool:
    """Whether both are the same records, in whatever order."""
    return {each.key: each for each in one} == {each.key: each for each in other}
