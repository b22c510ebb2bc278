"""Who is asking: an API key or a token becomes a caller of a tenant that exists."""

from info_assistant.errors import Unauthenticated
from info_assistant.identity.keys import PREFIX, ApiKey, ApiKeys
from info_assistant.identity.roles import groups_of, role_of
from info_assistant.identity.tenants import Tenants
from info_assistant.model.identity import (
    ACCOUNT_SUBJECT,
    DEFAULT_TENANT,
    KEY_SUBJECT,
    LOCAL_OPERATOR,
    AccessScope,
    Caller,
)
from info_assistant.ports import Credentials, TokenVerifier, VerifiedToken

_NOBODYS_SUBJECTS = (KEY_SUBJECT, ACCOUNT_SUBJECT, LOCAL_OPERATOR.subject)


def scope_of(key: ApiKey) -> AccessScope:
    """Return what may be seen with a key."""
    return AccessScope(key.tenant, groups_of(key.groups))


class CredentialsAuthenticator:
    """ports.Authenticator for `AUTH=keys` and `AUTH=oidc`.

    An API key comes as `X-API-Key`, which counts first, or as `Authorization: Bearer`. Everything
    else that comes as a bearer is a token.
    """

    def __init__(
        self, keys: ApiKeys, tenants: Tenants, verifier: TokenVerifier | None = None
    ) -> None:
        """Know programs by `keys` and, where there is a verifier, people by their tokens."""
        self._keys = keys
        self._tenants = tenants
        self._verifier = verifier

    async def caller(self, credentials: Credentials) -> Caller:
        """Return who is asking.

        Raises Unauthenticated, Forbidden, IdentityProviderUnavailable, ObjectStorageUnavailable.
        """
        presented = credentials.api_key or credentials.bearer
        if not presented:
            raise Unauthenticated(
                "Nobody has signed in. Sign in on the web page, or send an API key in the header "
                "`Authorization: Bearer …`."
            )
        if credentials.api_key or presented.startswith(PREFIX):
            return self._program(self._keys.verify(presented))
        if self._verifier is None:
            raise Unauthenticated(
                "What was sent is no API key, and this service knows no other way to sign in. "
                f"Keys begin with {PREFIX}.",
                code="invalid_api_key",
            )
        return self._person(await self._verifier.verify(presented))

    def _program(self, key: ApiKey) -> Caller:
        self._tenants.require(key.tenant)
        return Caller(
            subject=f"{KEY_SUBJECT}{key.id}",
            role=key.role,
            scope=scope_of(key),
            name=key.name,
            signed_in_by="key",
        )

    def _person(self, token: VerifiedToken) -> Caller:
        if token.subject.startswith(_NOBODYS_SUBJECTS):
            raise Unauthenticated(
                "The token's subject is a name that people cannot have here.", code="invalid_token"
            )
        tenant = self._tenants.require(token.tenant or DEFAULT_TENANT)
        return Caller(
            subject=token.subject,
            role=role_of(token.roles),
            scope=AccessScope(tenant.name, groups_of(token.groups)),
            name=token.name,
            signed_in_by="token",
        )
