"""Credentials become callers, or a refusal that says why."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clocks import HandClock

from info_assistant.errors import Forbidden, ObjectStorageUnavailable, Unauthenticated
from info_assistant.identity.authenticate import CredentialsAuthenticator
from info_assistant.identity.keys import ApiKeys, NewKey
from info_assistant.identity.roles import groups_of, role_of
from info_assistant.identity.tenants import Tenants
from info_assistant.model.identity import Role
from info_assistant.ports import Credentials, VerifiedToken
from info_assistant.resilience.process_object import ProcessObject

TOKEN = VerifiedToken("subject-1", "Rosa", "", ("reader",), ("staff",))


@dataclass
class OneToken:
    """ports.TokenVerifier that knows the token `good`."""

    says: VerifiedToken = TOKEN

    async def verify(self, token: str) -> VerifiedToken:
        """Return what the good token says."""
        if token != "good":
            raise Unauthenticated("No.", code="invalid_token")
        return self.says


async def code_of(authenticator: CredentialsAuthenticator, credentials: Credentials) -> str:
    """Return the code with which credentials are refused."""
    with pytest.raises(Unauthenticated) as refused:
        await authenticator.caller(credentials)
    return refused.value.code


async def test_a_key_makes_a_caller_of_its_tenant_role_and_groups(
    keys: ApiKeys, tenants: Tenants
) -> None:
    """It may come in either header; everybody is in the group of everyone."""
    await tenants.create("water")
    wanted = NewKey("water", Role.CONTRIBUTOR, "import", frozenset({"hydrology"}))
    key, whole = await keys.create(wanted)
    authenticator = CredentialsAuthenticator(keys, tenants)
    for credentials in (Credentials(api_key=whole), Credentials(bearer=whole)):
        caller = await authenticator.caller(credentials)
        assert (caller.subject, caller.name) == (f"key:{key.id}", "import")
        assert (caller.role, caller.signed_in_by) == (Role.CONTRIBUTOR, "key")
        assert caller.scope.tenant == "water"
        assert caller.scope.groups == {"everyone", "hydrology"}


async def test_a_token_makes_a_caller_of_the_first_tenant(keys: ApiKeys, tenants: Tenants) -> None:
    """Where tokens name no tenant, everybody belongs to `default`."""
    caller = await CredentialsAuthenticator(keys, tenants, OneToken()).caller(
        Credentials(bearer="good")
    )
    assert (caller.subject, caller.name, caller.signed_in_by) == ("subject-1", "Rosa", "token")
    assert (caller.scope.tenant, caller.role) == ("default", Role.READER)
    assert caller.scope.groups == {"everyone", "staff"}


async def test_each_refusal_has_its_code(keys: ApiKeys, tenants: Tenants) -> None:
    """Nothing sent, no key, no token, and a key where only the other header has one."""
    with_tokens = CredentialsAuthenticator(keys, tenants, OneToken())
    keys_only = CredentialsAuthenticator(keys, tenants)
    unknown = f"pia_{'0' * 12}_{'0' * 64}"
    assert await code_of(with_tokens, Credentials()) == "unauthenticated"
    assert await code_of(with_tokens, Credentials(bearer="bad")) == "invalid_token"
    assert await code_of(with_tokens, Credentials(bearer=unknown)) == "invalid_api_key"
    assert await code_of(with_tokens, Credentials(api_key="good")) == "invalid_api_key"
    # A wrong key is not made good by a good token beside it.
    both = Credentials(api_key=unknown, bearer="good")
    assert await code_of(with_tokens, both) == "invalid_api_key"
    assert await code_of(keys_only, Credentials(bearer="good")) == "invalid_api_key"


@pytest.mark.parametrize("subject", ["key:0123", "cli:root", "local-operator"])
async def test_nobody_is_called_as_a_key_or_as_the_local_operator(
    keys: ApiKeys, tenants: Tenants, subject: str
) -> None:
    """A subject out of a token cannot be mistaken for a program's, or for an account's."""
    authenticator = CredentialsAuthenticator(keys, tenants, OneToken(VerifiedToken(subject)))
    assert await code_of(authenticator, Credentials(bearer="good")) == "invalid_token"


async def test_an_unknown_tenant_and_no_role_are_told_apart(
    keys: ApiKeys, tenants: Tenants
) -> None:
    """Who is known but belongs nowhere, or may do nothing, is forbidden in plain words."""
    stranger = OneToken(VerifiedToken("s", tenant="fire", roles=("reader",)))
    with pytest.raises(Forbidden, match="unknown_tenant"):
        await CredentialsAuthenticator(keys, tenants, stranger).caller(Credentials(bearer="good"))
    visitor = OneToken(VerifiedToken("s", roles=("Reader", "admin", "")))
    with pytest.raises(Forbidden, match="no_role"):
        await CredentialsAuthenticator(keys, tenants, visitor).caller(Credentials(bearer="good"))
    _, whole = await keys.create(NewKey("fire", Role.READER, "x"))
    with pytest.raises(Forbidden, match="unknown_tenant"):
        await CredentialsAuthenticator(keys, tenants).caller(Credentials(api_key=whole))


@given(st.lists(st.sampled_from([*Role, "admin", "READER", "reader ", "root"]), max_size=6))
def test_the_highest_known_role_counts(names: list[str]) -> None:
    """Unknown names neither help nor harm, whatever their order and number."""
    known = [role for role in Role if role.value in names]
    if known:
        assert role_of(names) is known[-1]
    else:
        with pytest.raises(Forbidden):
            role_of(names)


@given(st.lists(st.text(max_size=5)))
def test_groups_are_those_named_and_everyone(names: list[str]) -> None:
    """No claim takes the common group away or brings in a name that no document can have."""
    groups = groups_of(names)
    assert "everyone" in groups
    assert groups <= {"everyone", *names}
    assert all(group == group.strip() != "" for group in groups)


async def test_nobody_is_turned_away_for_good_by_who_does_not_know_everybody(
    keys: ApiKeys, shared: ProcessObject, clock: HandClock
) -> None:
    """Begun during an outage, one lets in who is known and asks all others to come back."""
    old = await keys.create(NewKey("default", Role.READER, "old"))
    new = await keys.create(NewKey("default", Role.READER, "new"))
    left_behind = ProcessObject()
    left_behind.confirmed = False
    entries = {old[0].id: shared.current.fields["keys"][old[0].id]}
    await left_behind.change(lambda _before: {"keys": entries})
    outdated = CredentialsAuthenticator(ApiKeys(left_behind, clock), Tenants(left_behind, clock))
    assert (await outdated.caller(Credentials(bearer=old[1]))).subject == f"key:{old[0].id}"
    with pytest.raises(ObjectStorageUnavailable):
        await outdated.caller(Credentials(bearer=new[1]))
    for bad in ("pia_x", old[1][:-1] + ("0" if old[1][-1] != "0" else "1")):
        assert await code_of(outdated, Credentials(bearer=bad)) == "invalid_api_key"
    visitor = OneToken(VerifiedToken("s", tenant="lately", roles=("reader",)))
    with pytest.raises(ObjectStorageUnavailable):
        await CredentialsAuthenticator(keys, Tenants(left_behind, clock), visitor).caller(
            Credentials(bearer="good")
        )
