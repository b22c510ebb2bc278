"""The way back of a change in Route 53: the records as they were, as a change of its own."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from info_assistant.runbooks.linting.cases import Case
from info_assistant.runbooks.shell.options import options, parse_options

OPERATION = "change-resource-record-sets"
_OPTIONS = options(
    "--no-cli-pager --no-paginate --no-verify-ssl",
    "--hosted-zone-id --change-batch --profile --region --output --endpoint-url --query",
)
_FILE = re.compile(r"file://([\w./-]+)")
_ZONE = re.compile(r"(?:/hostedzone/)?(\w+)")

Record = Mapping[str, Any]


def dns_probe(case: Case) -> str | None:
    """Return the command that prints zone, batch and the records as they are; None for no change.

    The batch is read from where the command itself reads it.
    """
    words = case.words
    if len(case.simples) != 1 or [w.value for w in words[:3]] != ["aws", "route53", OPERATION]:
        return None
    parsed = parse_options(words[3:], _OPTIONS)
    given = dict(zip((w.value for w in words[3:]), (w.text for w in words[4:]), strict=False))
    zone, batch = given.get("--hosted-zone-id"), parsed.value("--change-batch")
    certain = not any(word.substitutions or word.opaque for word in words)
    if not (certain and parsed.sure) or zone is None or batch is None:
        return None
    file = _FILE.fullmatch(batch)
    shown = f"cat {file[1]}" if file else f"printf '%s' {given['--change-batch']}"
    if not file and not batch.lstrip().startswith("{"):
        return None
    same = " ".join(
        f"{name} {given[name]}" for name in ("--profile", "--endpoint-url") if name in given
    )
    listed = f"aws route53 list-resource-record-sets --hosted-zone-id {zone} {same}".rstrip()
    return f"printf '\"%s\"\\n' {zone} && {shown} && {listed} --output json"


def dns_back(printed: str) -> str | None:
    """Return the command that puts the records back, from what the probe printed.

    None where that cannot be read, or where a record that the change needs is not listed.
    """
    try:
        zone, batch, listed = _documents(printed)
        changes = [_inverse(each, listed["ResourceRecordSets"]) for each in batch["Changes"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    found = _ZONE.fullmatch(str(zone))
    if found is None or not changes:
        return None
    comment = "The way back, as the records were before"
    back = json.dumps({"Comment": comment, "Changes": changes[::-1]}, separators=(",", ":"))
    return f"aws route53 {OPERATION} --hosted-zone-id {found[1]} --change-batch {shlex.quote(back)}"


def _documents(printed: str) -> list[Any]:
    """Return the JSON documents that stand one behind the other. Raises ValueError."""
    decoder = json.JSONDecoder()
    found, at = [], 0
    while at < len(printed):
        value, at = decoder.raw_decode(printed, at)
        found.append(value)
        at += len(printed[at:]) - len(printed[at:].lstrip())
    return found


def _inverse(change: Mapping[str, Any], listed: Sequence[Record]) -> dict[str, Any]:
    """Return the change that undoes one. Raises ValueError where it cannot be known."""
    new = change["ResourceRecordSet"]
    old = next((each for each in listed if _identity(each) == _identity(new)), None)
    if old is not None:
        return {"Action": "UPSERT", "ResourceRecordSet": old}
    if change["Action"] == "DELETE":
        raise ValueError("what is to be deleted is not listed")
    return {"Action": "DELETE", "ResourceRecordSet": new}


def _identity(record: Record) -> tuple[str, str, str]:
    """Return what tells a record from others: its name, in one form, its type and identifier."""
    name = str(record["Name"]).lower().rstrip(".")
    return name, str(record["Type"]), str(record.get("SetIdentifier", ""))
