"""The identity provider for drills behaves as a strict one would."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet

from info_assistant.drills.issuer import CLIENT_ID, Client, Issuer, Outage, running_issuer
from info_assistant.drills.tokens import ALGORITHMS, PEOPLE

URL = "http://127.0.0.1:9"
BACK = "http://127.0.0.1:8080/sign-in/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """Return an issuer; it takes a moment to make its keys."""
    return Issuer(URL)


@pytest.fixture
async def client(issuer: Issuer) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of the issuer."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=issuer.app), base_url=URL
    ) as found:
        yield found


def wanted(**changes: str) -> dict[str, str]:
    """Return the parameters of a good authorization request, changed by `changes`."""
    return {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "scope": "openid profile",
        "state": "s1",
        "nonce": "n1",
        "code_challenge": CHALLENGE.decode(),
        "code_challenge_method": "S256",
        "login_hint": "reader",
    } | changes


async def code_for(client: httpx2.AsyncClient, **changes: str) -> str:
    """Return the code of a good sign-in."""
    reply = await client.get("/authorize", params=wanted(**changes))
    return parse_qs(urlsplit(reply.headers["location"]).query)["code"][0]


async def redeem(client: httpx2.AsyncClient, code: str, **changes: str) -> httpx2.Response:
    """Exchange a code for tokens."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "client_id": CLIENT_ID,
        "code_verifier": VERIFIER,
    }
    return await client.post("/token", data=form | changes)


async def test_sign_in_gives_tokens_that_the_published_keys_verify(
    client: httpx2.AsyncClient,
) -> None:
    """Code and verifier buy an access token for the API and an id token for the page."""
    tokens = (await redeem(client, await code_for(client))).json()
    keys = KeySet.import_key_set((await client.get("/jwks")).json())
    access = jwt.decode(tokens["access_token"], keys, algorithms=["RS256"])
    identity = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])

    assert access.header["typ"] == "at+jwt"
    assert access.claims["iss"] == identity.claims["iss"] == URL
    assert access.claims["roles"] == ["reader"]
    assert identity.claims["aud"] == CLIENT_ID
    assert identity.claims["nonce"] == "n1"
    assert identity.claims["name"] == PEOPLE[0].name


async def test_a_code_is_good_once_and_with_its_verifier_only(client: httpx2.AsyncClient) -> None:
    """A replayed code, another verifier and another redirect address are all refused."""
    used = await code_for(client)
    assert (await redeem(client, used)).status_code == 200
    again = await redeem(client, used)
    other = await redeem(client, await code_for(client), code_verifier="w" * 43)
    elsewhere = await redeem(client, await code_for(client), redirect_uri=BACK + "x")

    for refused in (again, other, elsewhere):
        assert refused.status_code == 400
        assert refused.json() == {"error": "invalid_grant"}


async def test_a_code_lasts_a_minute() -> None:
    """After 60 s a code buys nothing."""
    now = [1_000_000.0]
    issuer = Issuer(URL, clock=lambda: now[0])
    transport = httpx2.ASGITransport(app=issuer.app)
    async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
        early, late = await code_for(client), await code_for(client)
        now[0] += 59.9
        assert (await redeem(client, early)).status_code == 200
        now[0] += 0.2
        assert (await redeem(client, late)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"login_hint": "nobody"}, "access_denied"),
    ],
)
async def test_faulty_requests_go_back_with_an_error(
    client: httpx2.AsyncClient, changes: dict[str, str], error: str
) -> None:
    """PKCE with S256 is required; what is wrong is told to the client with its state."""
    reply = await client.get("/authorize", params=wanted(**changes))

    assert reply.status_code == 303
    assert parse_qs(urlsplit(reply.headers["location"]).query) == {
        "error": [error],
        "state": ["s1"],
    }


@pytest.mark.parametrize(
    "changes", [{"client_id": "other"}, {"redirect_uri": "https://evil.example/"}]
)
async def test_strangers_are_not_redirected(
    client: httpx2.AsyncClient, changes: dict[str, str]
) -> None:
    """An unknown client or a redirect address off loopback gets a plain 400."""
    assert (await client.get("/authorize", params=wanted(**changes))).status_code == 400


async def test_without_a_hint_one_chooses_whom_to_be(client: httpx2.AsyncClient) -> None:
    """The page lists every person with a link that signs in as them."""
    page = (await client.get("/authorize", params=wanted(login_hint=""))).text

    for person in PEOPLE:
        assert person.name in page
        assert f"login_hint={person.login}" in page


async def test_secret_is_required_where_the_client_has_one() -> None:
    """With a client secret: right by Basic or by form, wrong or missing is refused."""
    issuer = Issuer(URL, client=Client(CLIENT_ID, "s3cret"))
    transport = httpx2.ASGITransport(app=issuer.app)
    async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
        assert (await redeem(client, await code_for(client))).status_code == 401
        wrong = await redeem(client, await code_for(client), client_secret="guess")
        right = await redeem(client, await code_for(client), client_secret="s3cret")
        basic = await client.post(
            "/token",
            auth=(CLIENT_ID, "s3cret"),
            data={
                "grant_type": "authorization_code",
                "code": await code_for(client),
                "redirect_uri": BACK,
                "code_verifier": VERIFIER,
            },
        )
    assert (wrong.status_code, right.status_code, basic.status_code) == (401, 200, 200)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_verifies(issuer: Issuer, algorithm: str) -> None:
    """RSA, EC and Edwards keys are published, and tokens name theirs."""
    token = issuer.tokens.access_token(algorithm=algorithm, extra=1, nbf=None)
    claims = jwt.decode(
        token, KeySet.import_key_set(issuer.tokens.key_set), algorithms=[algorithm]
    ).claims

    assert claims["extra"] == 1
    assert "nbf" not in claims


def test_bad_tokens_are_bad(issuer: Issuer) -> None:
    """Forged, unsigned and HS256 tokens look right and carry no signature of this provider."""
    mint = issuer.tokens
    keys = KeySet.import_key_set(mint.key_set)
    with pytest.raises(BadSignatureError):
        jwt.decode(mint.forged(), keys, algorithms=["RS256"])
    heads = [
        json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        for token in (mint.unsigned(), mint.signed_with_public_key())
    ]
    assert [head["alg"] for head in heads] == ["none", "HS256"]
    assert mint.unsigned().endswith(".")


def test_rotation_keeps_or_drops_the_old_keys() -> None:
    """After a rotation new tokens name new keys; old ones verify only while published."""
    mint = Issuer(URL).tokens
    old = mint.access_token()
    mint.rotate()
    assert jwt.decode(old, KeySet.import_key_set(mint.key_set), algorithms=["RS256"])
    mint.rotate(keep_old=False)
    with pytest.raises(InvalidKeyIdError):
        jwt.decode(old, KeySet.import_key_set(mint.key_set), algorithms=["RS256"])


def test_outages_over_a_socket() -> None:
    """On a real socket: it answers, refuses, hangs past a client's patience, and answers again."""
    with running_issuer() as issuer, httpx2.Client(base_url=issuer.url, trust_env=False) as client:
        path = "/.well-known/openid-configuration"
        assert client.get(path).json()["issuer"] == issuer.url
        issuer.outage = Outage.REFUSES
        assert client.get(path).status_code == 503
        issuer.outage = Outage.HANGS
        with pytest.raises(httpx2.ReadTimeout):
            client.get(path, timeout=0.2)
        issuer.outage = Outage.NONE
        assert client.get(path).status_code == 200
        assert issuer.asked == [path] * 4


async def test_end_session_returns_to_loopback_only(client: httpx2.AsyncClient) -> None:
    """Sign-out leads back to a page on loopback, and nowhere else."""
    there = await client.get("/end-session", params={"post_logout_redirect_uri": BACK})
    nowhere = await client.get(
        "/end-session", params={"post_logout_redirect_uri": "//evil.example"}
    )

    assert (there.status_code, there.headers["location"]) == (303, BACK)
    assert nowhere.status_code == 200
