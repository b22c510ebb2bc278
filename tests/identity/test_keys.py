"""API keys: shown once, kept as a hash, refused for a reason that is told."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clocks import HandClock

from info_assistant.errors import InvalidRequest, NotFound, Unauthenticated
from info_assistant.identity.keys import ApiKeys, NewKey
from info_assistant.model.identity import Role, is_group_name
from info_assistant.resilience.process_object import ProcessObject

WANTED = NewKey("default", Role.READER, "intranet search", frozenset({"staff"}))


def code_of(keys: ApiKeys, presented: str) -> str:
    """Return the code with which a key is refused, or "" if it is not."""
    try:
        keys.verify(presented)
    except Unauthenticated as refused:
        return refused.code
    return ""


async def test_a_key_is_known_again_and_only_its_hash_is_kept(
    keys: ApiKeys, shared: ProcessObject
) -> None:
    """What was asked for comes back with the secret; nothing that is stored holds the secret."""
    key, whole = await keys.create(WANTED)
    assert keys.verify(whole) == key == keys.all()[0]
    assert (key.tenant, key.role, key.name) == ("default", Role.READER, "intranet search")
    assert key.groups == {"staff"}
    secret = whole.rsplit("_", 1)[1]
    assert len(bytes.fromhex(secret)) * 8 == 256
    assert secret not in json.dumps(dict(shared.current.fields))
    assert whole.startswith(f"pia_{key.id}_")


@given(st.text(max_size=120) | st.from_regex(r"pia_[0-9a-f]{12}_[0-9a-f]{64}", fullmatch=True))
def test_whatever_else_is_sent_is_no_key(presented: str) -> None:
    """Any text, also one of the right shape, is refused as no key, and never by a crash."""
    keys = ApiKeys(ProcessObject(), HandClock())
    asyncio.run(keys.create(WANTED))
    assert code_of(keys, presented) == "invalid_api_key"


@given(st.data())
def test_one_wrong_character_is_enough(data: st.DataObject) -> None:
    """A key with any one character replaced, dropped or added is refused."""
    keys = ApiKeys(ProcessObject(), HandClock())
    _, whole = asyncio.run(keys.create(WANTED))
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.characters().filter(lambda character: character != whole[place]))
    for spoilt in (
        whole[:place] + other + whole[place + 1 :],
        whole[:place] + whole[place + 1 :],
        whole[:place] + other + whole[place:],
    ):
        assert code_of(keys, spoilt) == "invalid_api_key"
    assert code_of(keys, whole) == ""


async def test_a_revoked_key_says_so_to_its_holder_only(keys: ApiKeys, clock: HandClock) -> None:
    """Revoked is for good, keeps its first date, and is told to nobody without the secret."""
    key, whole = await keys.create(WANTED)
    _, other = await keys.create(WANTED)
    await keys.revoke(key.id)
    first = next(each for each in keys.all() if each.id == key.id)
    clock.move(hours=1)
    await keys.revoke(key.id)
    assert first in keys.all()
    assert code_of(keys, whole) == "api_key_revoked"
    assert code_of(keys, whole[:-1] + ("0" if whole[-1] != "0" else "1")) == "invalid_api_key"
    assert code_of(keys, other) == ""
    with pytest.raises(NotFound):
        await keys.revoke("0" * 12)


async def test_a_key_expires_at_its_moment(keys: ApiKeys, clock: HandClock) -> None:
    """A second before it is good, at the moment itself it is not."""
    until = clock.now() + timedelta(days=1)
    key, whole = await keys.create(NewKey("default", Role.READER, "x", expires_at=until))
    clock.move(days=1, seconds=-1)
    assert code_of(keys, whole) == ""
    clock.move(seconds=1)
    assert code_of(keys, whole) == "api_key_expired"
    assert key.state(clock.now()) == "expired"
    with pytest.raises(InvalidRequest):
        await keys.create(NewKey("default", Role.READER, "x", expires_at=clock.now()))


@pytest.mark.parametrize(
    "wanted",
    [
        NewKey("default", Role.READER, ""),
        NewKey("default", Role.READER, "a\nb"),
        NewKey("default", Role.READER, "n" * 201),
        NewKey("default", Role.READER, "n", frozenset({""})),
        NewKey("default", Role.READER, "n", frozenset({" staff"})),
        NewKey("default", Role.READER, "n", frozenset({"g" * 201})),
        NewKey("default", Role.READER, "n", frozenset(map(str, range(201)))),
    ],
)
async def test_keys_that_make_no_sense_are_not_made(
    keys: ApiKeys, shared: ProcessObject, wanted: NewKey
) -> None:
    """Names and groups have limits, and nothing is stored of what breaks them."""
    with pytest.raises(InvalidRequest):
        await keys.create(wanted)
    assert shared.current.version == 0


def test_group_names_may_be_those_of_identity_providers() -> None:
    """Paths, identifiers and names with blanks inside are names of groups."""
    names = ("/ministry/water", "3f2b8f0e-0000-4000-8000-000000000000", "Human Resources", "käse")
    assert all(is_group_name(name) for name in names)


BROKEN: tuple[Any, ...] = (
    None,
    [],
    "text",
    {},
    {"role": "auditor"},
    {"created_at": "2026-03-01T12:00:00"},
    {"expires_at": "tomorrow"},
    {"groups": None},
)


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
async def test_an_entry_that_nobody_understands_lets_nobody_in(
    keys: ApiKeys, shared: ProcessObject, broken: Mapping[str, Any] | None
) -> None:
    """A key that a later version wrote, or a mistake, is refused and can be revoked."""
    key, whole = await keys.create(WANTED)
    _, other = await keys.create(WANTED)
    before = shared.current.fields["keys"]
    entry = {**before[key.id], **broken} if isinstance(broken, dict) and broken else broken
    await shared.change(lambda stored: {**stored, "keys": {**before, key.id: entry}})
    assert code_of(keys, whole) == "invalid_api_key"
    assert code_of(keys, other) == ""
    if isinstance(entry, dict):
        await keys.revoke(key.id)
        assert shared.current.fields["keys"][key.id]["revoked_at"]


async def test_what_a_later_version_adds_survives_our_changes(
    keys: ApiKeys, shared: ProcessObject
) -> None:
    """Unknown fields of the object and of an entry are still there after another change."""
    key, whole = await keys.create(WANTED)
    entry = {**shared.current.fields["keys"][key.id], "scopes": ["a"]}
    await shared.change(lambda stored: {**stored, "later": 1, "keys": {key.id: entry}})
    await keys.create(WANTED)
    await keys.revoke(key.id)
    assert shared.current.fields["later"] == 1
    assert shared.current.fields["keys"][key.id]["scopes"] == ["a"]
    assert code_of(keys, whole) == "api_key_revoked"
