"""Who may come in, put together as AUTH asks."""

from dataclasses import dataclass

from info_assistant.api.services import FindKey
from info_assistant.identity.authenticate import CredentialsAuthenticator, scope_of
from info_assistant.identity.keys import ApiKeys
from info_assistant.identity.local_operator import LocalOperatorAuthenticator
from info_assistant.identity.tenants import Tenants
from info_assistant.model.identity import AccessScope
from info_assistant.ports import Authenticator, Clock
from info_assistant.providers.oidc import OidcTokenVerifier, TokenRules
from info_assistant.providers.oidc_keys import IssuerKeys
from info_assistant.settings import Settings
from info_assistant.stores.objects import SharedObjects
from info_assistant.wiring.parts import Part


@dataclass(frozen=True, slots=True)
class SignInParts(Part):
    """Who may come in, and what that needs while the process runs."""

    authenticator: Authenticator
    keys: ApiKeys | None = None


def key_finder(keys: ApiKeys | None, clock: Clock) -> FindKey:
    """Return how to find what a key may see."""

    def find(key_id: str) -> tuple[AccessScope, str] | None:
        key = keys.find(key_id) if keys is not None else None
        if key is None:
            return None
        state = key.state(clock.now())
        return scope_of(key), "" if state == "active" else state

    return find


def sign_in_parts(
    settings: Settings, objects: SharedObjects, tenants: Tenants, clock: Clock
) -> SignInParts:
    """Return what AUTH asks for."""
    if settings.auth == "none":
        return SignInParts(LocalOperatorAuthenticator())
    keys = ApiKeys(objects.open("keys"), clock)
    if settings.auth == "keys":
        return SignInParts(CredentialsAuthenticator(keys, tenants), keys)
    issuer = IssuerKeys(settings.oidc_issuer, clock, saved=objects.open("issuer-keys"))
    rules = TokenRules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        roles=settings.oidc_roles_claim,
        groups=settings.oidc_groups_claim,
        tenant=settings.oidc_tenant_claim,
    )
    verifier = OidcTokenVerifier(rules, issuer, clock)
    return SignInParts(
        CredentialsAuthenticator(keys, tenants, verifier),
        keys,
        probes={"identity_provider": issuer},
        tasks={"identity provider's keys": issuer.run},
        closers=(issuer.close,),
    )
