"""The caller of an installation without sign-in."""

from info_assistant.model.identity import LOCAL_OPERATOR, Caller
from info_assistant.ports import Credentials


class LocalOperatorAuthenticator:
    """ports.Authenticator for `AUTH=none`: whoever reaches the loopback address is the operator."""

    async def caller(self, credentials: Credentials) -> Caller:  # noqa: ARG002  # Nobody needs any.
        """Return the operator of this machine."""
        return LOCAL_OPERATOR
