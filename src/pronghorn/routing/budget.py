"""The retry budget: failing over helps one request, and a storm of it would finish a vendor that is already down."""

SHARE = 0.2
"""Of the requests: more may not be asked a second time in the long run."""
MOST = 100.0
"""What has not been used is kept up to here, so that a sudden failure of one channel is still invisible."""


class RetryBudget:
    """One for the process."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST

    def deposit(self) -> None:
        """A request came in."""
        if self._left < MOST:
            self._left += SHARE

    def withdraw(self) -> bool:
        """May one more be asked elsewhere?"""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
