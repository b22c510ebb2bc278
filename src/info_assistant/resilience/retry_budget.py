"""A bound on second attempts, so that an outage is not answered with more load.

Each first attempt earns a share of a retry, up to a cap, and each retry costs a whole one: however
much fails, no more than that share is sent on top, plus the cap once.
"""

SHARE = 0.1
"""Retries earned by one first attempt."""

CAP = 10.0
"""The most retries that can be saved up."""


class RetryBudget:
    """The retries that one dependency may still be sent."""

    def __init__(self, share: float = SHARE, cap: float = CAP) -> None:
        """Begin with the cap saved up."""
        self._share = share
        self._cap = cap
        self._saved = cap

    def earn(self) -> None:
        """Note a first attempt."""
        self._saved = min(self._cap, self._saved + self._share)

    def spend(self) -> bool:
        """Return whether one more retry may be sent, and count it if so."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
