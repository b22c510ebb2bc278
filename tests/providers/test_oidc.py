"""Tokens: what is good, and every kind of what is not."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.providers.conftest import Door, a_door

from info_assistant.drills.issuer import Issuer
from info_assistant.drills.tokens import ALGORITHMS, AUDIENCE, PEOPLE
from info_assistant.providers.oidc import LONGEST_TOKEN, TokenRules


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_good_token_says_who_somebody_is(door: Door, algorithm: str) -> None:
    """Each algorithm that we accept works, and every claim arrives."""
    token = door.issuer.tokens.access_token(PEOPLE[1], algorithm)
    said = await door.verifier.verify(token)
    assert (said.subject, said.name) == ("drill|contributor", "Kwame Okafor")
    assert (said.roles, said.groups) == (("contributor",), ("staff", "human-resources"))
    assert said.tenant == ""


NOW = 0
"""Stands for the present in the table below: claims are seconds from now."""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": NOW - 61}, "token_expired"),
        ({"exp": NOW - 59}, ""),
        ({"nbf": NOW + 61}, "invalid_token"),
        ({"nbf": NOW + 59}, ""),
        ({"iat": NOW + 61}, "invalid_token"),
        pytest.param({"exp": 10**400}, "", id="for ever"),
        ({"exp": None}, "invalid_token"),
        ({"exp": "tomorrow"}, "invalid_token"),
        ({"exp": True}, "invalid_token"),
        ({"nbf": "yesterday"}, "invalid_token"),
        ({"aud": "somebody-else"}, "wrong_audience"),
        ({"aud": AUDIENCE.upper()}, "wrong_audience"),
        ({"aud": ["somebody-else", AUDIENCE]}, ""),
        ({"aud": []}, "wrong_audience"),
        ({"aud": {AUDIENCE: 1}}, "wrong_audience"),
        ({"aud": None}, "wrong_audience"),
        ({"iss": "http://127.0.0.1:1"}, "invalid_token"),
        ({"iss": ["{issuer}"]}, "invalid_token"),
        ({"iss": "{issuer}/"}, "invalid_token"),
        ({"iss": None}, "invalid_token"),
        ({"sub": None}, "invalid_token"),
        ({"sub": ""}, "invalid_token"),
        ({"sub": 7}, "invalid_token"),
        ({"sub": "s" * 256}, "invalid_token"),
        ({"sub": "a\nb"}, "invalid_token"),
        ({"typ": "Refresh"}, "invalid_token"),
        ({"typ": "ID"}, "invalid_token"),
        ({"typ": "Bearer"}, ""),
    ],
    ids=repr,
)
async def test_claims_are_exactly_as_they_must_be(
    door: Door, changes: dict[str, Any], code: str
) -> None:
    """Times with a minute's tolerance, issuer and audience to the letter, a subject, a kind."""
    moment = int(door.clock.now().timestamp())
    given_: dict[str, Any] = {}
    for name, value in changes.items():
        if name in {"exp", "nbf", "iat"} and type(value) is int:
            given_[name] = moment + value
        else:
            text = json.dumps(value).replace("{issuer}", door.issuer.url)
            given_[name] = json.loads(text)
    assert await door.refusal(door.issuer.tokens.access_token(**given_)) == code


async def test_forged_tokens_are_refused(door: Door) -> None:
    """No signature, the public key as a secret, a stranger's key, and a changed payload."""
    mint = door.issuer.tokens
    for token in (mint.unsigned(), mint.signed_with_public_key(), mint.forged()):
        assert await door.refusal(token) == "invalid_token"
    header, _, signature = mint.access_token().split(".")
    claims = mint.claims(PEOPLE[2])
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert await door.refusal(f"{header}.{payload}.{signature}") == "invalid_token"
    assert await door.refusal(f"{header}.{payload}.") == "invalid_token"


async def test_a_key_signs_only_with_its_own_kind(door: Door) -> None:
    """A known key id with another algorithm's signature, or none, is refused without a look."""
    await door.refusal(door.issuer.tokens.access_token())
    looked = len(door.issuer.asked)
    jwks = {key["kty"]: key["kid"] for key in door.issuer.tokens.key_set["keys"]}
    claims = door.issuer.tokens.claims(PEOPLE[0])
    for algorithm, key_type in (("RS256", "EC"), ("ES256", "RSA"), ("Ed25519", "RSA")):
        token = door.issuer.tokens.sign(claims, algorithm, {"kid": jwks[key_type]})
        assert await door.refusal(token) == "invalid_token"
    assert len(door.issuer.asked) == looked


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"typ": "logout+jwt"}, id="logout"),
        pytest.param({"typ": "JWE"}, id="jwe"),
        pytest.param({"crit": ["exp"], "exp": 1}, id="critical"),
        pytest.param({"crit": ["b64"], "b64": True}, id="unencoded"),
        pytest.param({"kid": "x" * 9000}, id="huge"),
        pytest.param({"kid": 7}, id="numbered"),
    ],
)
async def test_headers_that_ask_for_more_are_refused(door: Door, header: dict[str, Any]) -> None:
    """Other kinds of token, critical extensions and huge headers are not ours to accept."""
    mint = door.issuer.tokens
    try:
        token = mint.sign(mint.claims(PEOPLE[0]), "RS256", header)
    except Exception:  # noqa: BLE001  The library refuses to sign some; then it is spelt by hand.
        head = {"alg": "RS256", "kid": "k", **header}
        encoded = base64.urlsafe_b64encode(json.dumps(head).encode()).rstrip(b"=").decode()
        token = ".".join([encoded, *mint.access_token().split(".")[1:]])
    assert await door.refusal(token) == "invalid_token"


async def test_other_tokens_of_the_same_provider_are_refused(door: Door) -> None:
    """An ID token is for the page, even where page and API have one audience."""
    mint = door.issuer.tokens
    assert await door.refusal(mint.id_token(PEOPLE[0], "page")) == "wrong_audience"
    for mark in ({"nonce": "n"}, {"at_hash": "h"}, {"c_hash": "h"}):
        token = mint.id_token(PEOPLE[0], AUDIENCE, **mark)
        assert await door.refusal(token) == "invalid_token"
    access = mint.sign(mint.claims(PEOPLE[0], nonce="n", scope="openid"))
    assert await door.refusal(access) == ""


@pytest.mark.parametrize(
    "token",
    ["", "a", "..", "a.b.c", "ä.b.c", "." * 5000, "e30.e30.", "bnVsbA.e30.", "W10.e30."],
)
async def test_what_is_no_token_is_refused(door: Door, token: str) -> None:
    """Rubbish of any kind is an invalid token, not a fault."""
    assert await door.refusal(token) == "invalid_token"


async def test_a_huge_token_is_refused_unread(door: Door) -> None:
    """More than 16 KiB is refused quickly, and nested brackets do not exhaust the stack."""
    assert await door.refusal("a" * (LONGEST_TOKEN + 1)) == "invalid_token"
    many = door.issuer.tokens.access_token(groups=[f"group-{n}" for n in range(2000)])
    assert len(many) > LONGEST_TOKEN
    assert await door.refusal(many) == "invalid_token"
    chain = {"x5c": ["A" * 6000]}
    claims = door.issuer.tokens.claims(PEOPLE[0], groups=[f"group-{n}" for n in range(700)])
    long = door.issuer.tokens.sign(claims, "RS256", chain)
    assert len(long) > LONGEST_TOKEN
    assert await door.refusal(long) == "invalid_token"
    claims["groups"] = claims["groups"][:100]
    assert await door.refusal(door.issuer.tokens.sign(claims, "RS256", chain)) == ""
    deep = base64.urlsafe_b64encode(b"[" * 6000).rstrip(b"=").decode()
    header = door.issuer.tokens.access_token().split(".")[0]
    assert await door.refusal(f"{header}.{deep}.c2ln") == "invalid_token"
    assert await door.refusal(f"{deep}.e30.c2ln") == "invalid_token"


claim_names = st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "roles", "groups", "name"])
words_and_numbers = st.text(max_size=8) | st.integers()
# Words and numbers count more, as they alone come past the first looks.
claim_values = words_and_numbers | st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | words_and_numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    # Often one change alone: of many, one nearly always spoils the token whatever the others do.
    changes=st.dictionaries(claim_names, claim_values, min_size=1, max_size=1)
    | st.dictionaries(claim_names, claim_values, min_size=1)
)
async def test_no_mutation_of_claims_gets_through_that_should_not(
    door: Door, changes: dict[str, Any]
) -> None:
    """Whatever well-signed claims hold, what is let in is for us, in time, and of plain words."""
    moment = door.clock.now().timestamp()
    # The door's clock stands still, the issuer's goes on: good claims must stay good.
    good = door.issuer.tokens.claims(PEOPLE[0], iat=int(moment), nbf=int(moment))
    claims = good | changes
    token = door.issuer.tokens.sign(claims, "Ed25519")
    refusal = await door.refusal(token)
    if refusal:
        assert refusal in {"invalid_token", "token_expired", "wrong_audience"}
        return
    said = await door.verifier.verify(token)
    assert claims["iss"] == door.issuer.url
    assert claims["aud"] == AUDIENCE or AUDIENCE in claims["aud"]
    assert claims["exp"] > moment - 60
    assert claims.get("nbf", 0) <= moment + 60
    assert said.subject == claims["sub"]
    assert all(isinstance(word, str) for word in (*said.roles, *said.groups, said.name))


async def test_claims_may_be_nested_and_single(shared_issuer: Issuer) -> None:
    """Dots lead inwards, a name with dots of its own counts first, one word is a list of one."""
    rules = TokenRules(
        shared_issuer.url,
        AUDIENCE,
        roles="realm_access.roles",
        groups="https://example.org/groups",
        tenant="org",
    )
    mint = shared_issuer.tokens
    nested = {
        "roles": ["operator"],
        "realm_access": {"roles": ["reader", 5, None]},
        "https://example.org/groups": "staff",
        "org": "water",
    }
    async with a_door(shared_issuer, rules=rules) as door:
        said = await door.verifier.verify(mint.sign(mint.claims(PEOPLE[0], **nested)))
        assert (said.roles, said.groups, said.tenant) == (("reader",), ("staff",), "water")
        for tenant in (None, "", ["water", "fire"], {"a": 1}, 5):
            token = mint.sign(mint.claims(PEOPLE[0], **(nested | {"org": tenant})))
            assert await door.refusal(token) == "invalid_token"


async def test_a_remembered_token_is_forgotten_in_time(issuer: Issuer) -> None:
    """A verified token is not checked again for a minute, and never past its end."""
    async with a_door(issuer) as door:
        ends = int(door.clock.now().timestamp()) - 40
        short, long = issuer.tokens.access_token(exp=ends), issuer.tokens.access_token()
        assert await door.refusal(short) == await door.refusal(long) == ""
        issuer.tokens.rotate(keep_old=False)
        assert await door.refusal(issuer.tokens.access_token()) == ""
        door.clock.move(seconds=19)
        assert await door.refusal(short) == await door.refusal(long) == ""
        door.clock.move(seconds=2)
        assert await door.refusal(short) == "token_expired"
        assert await door.refusal(long) == ""
        door.clock.move(seconds=40)
        assert await door.refusal(long) == "invalid_token"
