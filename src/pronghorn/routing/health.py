"""Health: what this server has seen of a channel and of its credentials, and so whether to ask them now.

A fault of the vendor closes the way to the channel after a few in a row; a word against a credential closes the way
to that credential alone, at once. Each way opens again by itself: one request is let through, and its success heals.
"""

import random
from typing import TYPE_CHECKING, Literal

from pronghorn.routing.latency import Latency

if TYPE_CHECKING:
    from pronghorn.routing.snapshot import Channel

Cause = Literal["fault", "limited", "refused", "quota"]
State = Literal["ok", "closed", "probing", "slow_start"]

FAULTS_IN_A_ROW = 5
FAULT_S, FAULT_MAX_S = 2.0, 15.0
LIMITED_S, LIMITED_MAX_S = 1.0, 60.0
REFUSED_S = 600.0
"""A refused credential is tried again this often: operators mend things at the vendor too."""
QUOTA_S = 3600.0
PROBE_S = 30.0
"""A trial that has not ended by then does not keep others from trying."""
SLOW_START_S = 10.0


class Health:
    """Of one channel or one credential. Times are monotonic seconds."""

    __slots__ = ("_healed_s", "_probe_until_s", "_row", "_times", "cause", "open_calls", "until_s")

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.until_s = 0.0
        """Nothing is asked before; 0 while it is well."""
        self.open_calls = 0
        self._row = 0
        self._times = 0
        """How often it was closed since it was last well: each time for longer."""
        self._probe_until_s = 0.0
        self._healed_s = float("-inf")

    def is_open(self, now_s: float) -> bool:
        """May it be asked now? After a closed time one at a time may."""
        return not self.until_s or (now_s >= self.until_s and now_s >= self._probe_until_s)

    def begin(self, now_s: float) -> None:
        """It is asked now. `succeed`, `fail` or `leave` follows."""
        self.open_calls += 1
        if self.until_s:
            self._probe_until_s = now_s + PROBE_S

    def leave(self) -> None:
        """The call ended and says nothing about health."""
        self.open_calls -= 1
        self._probe_until_s = 0.0

    def succeed(self, now_s: float) -> None:
        self.open_calls -= 1
        self._row = 0
        if self.until_s:
            self._probe_until_s = 0.0
            self.until_s, self._times, self.cause = 0.0, 0, None
            self._healed_s = now_s

    def fail(self, cause: Cause, now_s: float, retry_after_s: float | None = None) -> None:
        self.leave()
        self._row += 1
        if cause == "fault" and self._row < FAULTS_IN_A_ROW and not self.until_s:
            return
        if cause == self.cause and now_s < self.until_s:
            # A call that was under way when it was closed: the same event, not the next one.
            if retry_after_s is not None:
                self.until_s = max(self.until_s, now_s + self._closed_s(cause, retry_after_s))
            return
        self.cause = cause
        self.until_s = now_s + self._closed_s(cause, retry_after_s)
        self._times += 1

    def _closed_s(self, cause: Cause, retry_after_s: float | None) -> float:
        if cause == "refused":
            return REFUSED_S
        if cause == "quota":
            return QUOTA_S
        first, most = (FAULT_S, FAULT_MAX_S) if cause == "fault" else (LIMITED_S, LIMITED_MAX_S)
        grown = min(most, first * 2.0 ** min(self._times, 10))
        if retry_after_s is not None:
            return min(retry_after_s, most)
        # Servers that saw the same failure must not all come back at the same moment.
        return grown * random.uniform(0.75, 1.0)

    def share(self, now_s: float) -> float:
        """Of its weight, from a tenth up to all of it after it has healed."""
        since = now_s - self._healed_s
        return 1.0 if since >= SLOW_START_S else max(0.1, since / SLOW_START_S)

    def state(self, now_s: float) -> State:
        """For people. `probing`: its time is over, and one request at a time is let through to see."""
        if self.until_s:
            return "closed" if now_s < self.until_s else "probing"
        return "ok" if self.share(now_s) == 1.0 else "slow_start"

    def reset(self) -> None:
        """The operator looked at it: begin anew."""
        self.cause, self.until_s, self._row, self._times, self._probe_until_s = None, 0.0, 0, 0, 0.0


class Vitals:
    """One channel and the credentials of its pool, by their place."""

    __slots__ = ("channel", "credentials", "latency")

    def __init__(self) -> None:
        self.channel = Health()
        self.latency = Latency()
        self.credentials: dict[str, Health] = {}

    def credential(self, secret: str) -> Health:
        found = self.credentials.get(secret)
        if found is None:
            found = self.credentials[secret] = Health()
        return found


class Candidate:
    """One credential of one channel, and the health of both. While both are well, counting is all there is to do."""

    __slots__ = ("channel", "credential", "place", "pool")

    def __init__(self, channel: "Channel", place: int, credential: Health, pool: Health) -> None:
        self.channel = channel
        self.place = place
        """Of the credential in its pool."""
        self.credential = credential
        self.pool = pool

    def is_well(self) -> bool:
        return not (self.pool.until_s or self.credential.until_s)

    def begin(self, now_s: float) -> None:
        self.pool.begin(now_s)
        self.credential.begin(now_s)

    def leave(self) -> None:
        self.pool.leave()
        self.credential.leave()

    def succeed(self, now_s: float) -> None:
        self.pool.succeed(now_s)
        self.credential.succeed(now_s)
