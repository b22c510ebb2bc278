"""Label selectors and field selectors, as clients and objects write them."""

import re
from collections.abc import Callable, Mapping

from info_assistant.drills.cluster.documents import Document, at, labels_of
from info_assistant.drills.cluster.problems import bad_request

Matches = Callable[[Document], bool]
"""Whether an object is meant."""

_SET = re.compile(r"^\s*(?P<key>[^\s!=(),]+)\s+(?P<word>in|notin)\s*\((?P<values>[^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*(?P<key>[^\s!=(),]+)\s*(?P<sign>==|=|!=)\s*(?P<value>[^\s!=(),]*)\s*$")
_HAS = re.compile(r"^\s*(?P<no>!?)\s*(?P<key>[^\s!=(),]+)\s*$")
_BETWEEN = re.compile(r",(?![^(]*\))")


def label_matcher(text: str) -> Matches:
    """Return what a `labelSelector` means. Raises Refused for one that cannot be read."""
    rules = [_label_rule(part) for part in _BETWEEN.split(text) if part.strip()]
    return lambda item: all(rule(labels_of(item)) for rule in rules)


def _label_rule(text: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(text):
        key, values = found["key"], {each.strip() for each in found["values"].split(",")}
        if found["word"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.match(text):
        key, value = found["key"], found["value"]
        if found["sign"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _HAS.match(text):
        key, wanted = found["key"], not found["no"]
        return lambda labels: (key in labels) is wanted
    raise bad_request(f'unable to parse requirement: found "{text}"')


def selector_matcher(selector: Document | None) -> Matches:
    """Return what an object's `spec.selector` means, in either of its shapes."""
    selector = selector or {}
    if not {"matchLabels", "matchExpressions"} & selector.keys():
        pairs = dict(selector)
        return lambda item: bool(pairs) and pairs.items() <= dict(labels_of(item)).items()
    pairs = selector.get("matchLabels") or {}
    rules = [_expression(each) for each in selector.get("matchExpressions") or []]
    return lambda item: (
        pairs.items() <= dict(labels_of(item)).items()
        and all(rule(labels_of(item)) for rule in rules)
    )


def _expression(each: Document) -> Callable[[Mapping[str, str]], bool]:
    key, values = each["key"], set(each.get("values") or [])
    rules: dict[str, Callable[[Mapping[str, str]], bool]] = {
        "In": lambda labels: labels.get(key) in values,
        "NotIn": lambda labels: labels.get(key) not in values,
        "Exists": lambda labels: key in labels,
        "DoesNotExist": lambda labels: key not in labels,
    }
    return rules[each["operator"]]


def selector_text(selector: Document | None) -> str:
    """Return a selector as `/scale` has it."""
    selector = selector or {}
    pairs = selector.get("matchLabels", selector)
    return ",".join(f"{key}={value}" for key, value in sorted(pairs.items()))


def field_matcher(text: str) -> Matches:
    """Return what a `fieldSelector` means; any path of an object can be asked for."""
    rules = []
    for part in filter(None, text.split(",")):
        found = _EQUAL.match(part)
        if not found:
            raise bad_request(f'invalid selector: "{text}"; can\'t understand "{part}"')
        path, value = found["key"].split("."), found["value"]
        rules.append((path, value, found["sign"] != "!="))
    return lambda item: all(
        (str(at(item, *path, default="")) == value) is equal for path, value, equal in rules
    )
