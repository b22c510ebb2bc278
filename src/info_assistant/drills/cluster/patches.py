"""The three ways to patch an object: JSON Patch, JSON Merge Patch, strategic merge patch."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from info_assistant.drills.cluster.documents import Document, copied
from info_assistant.drills.cluster.merge_keys import SHAPES, Field, fields_of_kind
from info_assistant.drills.cluster.problems import Refused, bad_request

_ORDER = "$setElementOrder/"
_DELETED = "$deleteFromPrimitiveList/"
_PATCH = "$patch"
_KEEP = "$retainKeys"

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"


def patched(content_type: str, item: Document, patch: Any, kind: str) -> Document:  # noqa: ANN401
    """Return a patched copy.

    Raises Refused for what is no patch, and for server-side apply, which is not modelled.
    """
    if content_type == JSON:
        return json_patched(item, patch)
    if not isinstance(patch, dict):
        raise bad_request("a merge patch has to be an object")
    if content_type == MERGE:
        merged: Document = merge_patched(item, patch)
        return merged
    if content_type == STRATEGIC:
        return strategic_patched(item, patch, fields_of_kind(kind))
    raise Refused(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "UnsupportedMediaType",
        f"the simulator does not know patches of the type {content_type}; it knows {JSON}, {MERGE} "
        f"and {STRATEGIC}",
    )


def merge_patched(item: Any, patch: Any) -> Any:  # noqa: ANN401  JSON of any shape.
    """Return what RFC 7386 makes of `item`."""
    if not isinstance(patch, dict):
        return copied(patch)
    result = copied(item) if isinstance(item, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patched(result.get(key), value)
    return result


def json_patched(item: Document, patch: Any) -> Document:  # noqa: ANN401
    """Return what RFC 6902 makes of `item`. Raises Refused where a step fails."""
    if not isinstance(patch, list):
        raise bad_request("a JSON patch has to be a list")
    holder = {"": copied(item)}
    for step in patch:
        try:
            _json_step(holder, step)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise Refused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "Invalid",
                "the server rejected our request due to an error in our request: "
                f"{step!r} does not fit",
            ) from error
    result: Document = holder[""]
    return result


def _json_step(holder: Document, step: Document) -> None:
    parent, last = _place(holder, step["path"])
    operation = step["op"]
    if operation == "test":
        if _value(parent, last) != step["value"]:
            raise ValueError("a test failed")
        return
    if operation in {"move", "copy"}:
        source, name = _place(holder, step["from"])
        value = copied(_value(source, name))
        if operation == "move":
            _remove(source, name)
        parent, last = _place(holder, step["path"])
        _add(parent, last, value)
    elif operation == "add":
        _add(parent, last, copied(step["value"]))
    elif operation == "remove":
        _remove(parent, last)
    elif operation == "replace":
        _value(parent, last)
        parent[_index(parent, last)] = copied(step["value"])
    else:
        raise ValueError("an operation that is none")


def _place(holder: Document, path: str) -> tuple[Any, str]:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]
    value: Any = holder
    for part in parts[:-1]:
        value = value[_index(value, part)]
    return value, parts[-1]


def _index(parent: Any, name: str) -> Any:  # noqa: ANN401
    if not isinstance(parent, list):
        return name
    number = int(name)
    if not 0 <= number < len(parent):
        raise IndexError(name)
    return number


def _value(parent: Any, name: str) -> Any:  # noqa: ANN401
    return parent[_index(parent, name)]


def _add(parent: Any, name: str, value: Any) -> None:  # noqa: ANN401
    if not isinstance(parent, list):
        parent[name] = value
    elif name == "-":
        parent.append(value)
    else:
        number = int(name)
        if not 0 <= number <= len(parent):
            raise IndexError(name)
        parent.insert(number, value)


def _remove(parent: Any, name: str) -> None:  # noqa: ANN401
    del parent[_index(parent, name)]


def strategic_patched(item: Document, patch: Document, fields: Mapping[str, Field]) -> Document:
    """Return what a strategic merge patch makes of `item`, whose special fields are `fields`.

    The directives `$patch`, `$retainKeys`, `$setElementOrder` and `$deleteFromPrimitiveList` are
    carried out and never kept.
    """
    directive = patch.get(_PATCH)
    if directive == "replace":
        replaced: Document = _without_directives({k: v for k, v in patch.items() if k != _PATCH})
        return replaced
    if directive == "delete":
        return {}
    if directive not in {None, "merge"}:
        raise bad_request(f"unknown directive $patch: {directive}")
    result = copied(item)
    if _KEEP in patch:
        result = {key: value for key, value in result.items() if key in patch[_KEEP]}
    names = [key for key in patch if not key.startswith("$")]
    names += [key[len(_ORDER) :] for key in patch if key.startswith(_ORDER)]
    names += [key[len(_DELETED) :] for key in patch if key.startswith(_DELETED)]
    for name in dict.fromkeys(names):
        _patch_field(result, name, patch, fields.get(name, Field()))
    return result


def _patch_field(result: Document, name: str, patch: Document, field: Field) -> None:
    old, new = result.get(name), patch.get(name)
    if name in patch and new is None:
        result.pop(name, None)
    elif isinstance(old, dict) and isinstance(new, dict):
        within = SHAPES.get(field.within, {})
        plain = _without_directives(new)
        result[name] = plain if field.replaced else strategic_patched(old, new, within)
    elif isinstance(old or [], list) and isinstance(new or [], list):
        order, gone = patch.get(_ORDER + name), patch.get(_DELETED + name, [])
        if name not in result and name not in patch:
            return
        if field.key or field.merged:
            result[name] = _merged_list(old or [], new or [], order, field, gone)
        elif name in patch:
            result[name] = _without_directives(new)
    elif name in patch:
        result[name] = _without_directives(new)


def _without_directives(value: Any) -> Any:  # noqa: ANN401
    """Return what of a patch is content: what is new is kept without orders and deletions."""
    if isinstance(value, dict):
        return {
            key: _without_directives(each)
            for key, each in value.items()
            if not key.startswith("$") and each is not None
        }
    if isinstance(value, list):
        return [
            _without_directives(each)
            for each in value
            if not (isinstance(each, dict) and each.get(_PATCH) == "delete")
        ]
    return copied(value)


def _merged_list(
    old: list[Any], new: list[Any], order: list[Any] | None, field: Field, gone: Sequence[Any]
) -> list[Any]:
    if not field.key:
        merged = [each for each in dict.fromkeys([*old, *new]) if each not in gone]
        return _ordered(merged, order if order is not None else new, old, lambda each: each)
    key = field.key
    if any(key not in each and _PATCH not in each for each in new):
        raise bad_request(f"an item of the patch has no {key}, by which items are merged")
    if any(each.get(_PATCH) == "replace" for each in new):
        kept: list[Any] = _without_directives([each for each in new if _PATCH not in each])
        return kept
    dropped = [each.get(key) for each in new if each.get(_PATCH) == "delete"]
    merged = [copied(each) for each in old if each.get(key) not in dropped]
    changes = [each for each in new if each.get(_PATCH) != "delete"]
    for change in changes:
        _merge_item(merged, change, field)

    def identity(each: Any) -> Any:  # noqa: ANN401
        return each.get(key)

    return _ordered(merged, order if order is not None else changes, old, identity)


def _merge_item(merged: list[Any], change: Document, field: Field) -> None:
    within = SHAPES.get(field.within, {})
    for number, each in enumerate(merged):
        if each.get(field.key) == change[field.key]:
            merged[number] = strategic_patched(each, change, within)
            return
    merged.append(_without_directives(change))


def _ordered(
    merged: list[Any], wanted: Sequence[Any], old: Sequence[Any], identity: Callable[[Any], Any]
) -> list[Any]:
    """Order as Kubernetes does: what the patch names as it says, the rest around it as it was."""
    first, before = [identity(each) for each in wanted], [identity(each) for each in old]
    named = [each for each in merged if identity(each) in first]
    others = [each for each in merged if identity(each) not in first]
    named.sort(key=lambda each: first.index(identity(each)))
    result = []
    while named and others:
        left, right = identity(others[0]), identity(named[0])
        earlier = left in before and right in before and before.index(left) < before.index(right)
        result.append((others if earlier else named).pop(0))
    return result + named + others
