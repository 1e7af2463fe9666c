"""Gate: the limits of one scope (a key, an account, a group, a channel) and what is used of them in this process."""

from pronghorn.errors import LimitReached
from pronghorn.kit.bucket import Bucket


class Gate:
    """Outlives snapshots: `set_limits` changes what may be used and keeps what was. Times are monotonic seconds."""

    __slots__ = ("body_bytes", "concurrency", "open_bytes", "open_requests", "requests", "scope", "tokens")

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.requests: Bucket | None = None
        self.tokens: Bucket | None = None
        self.concurrency: int | None = None
        self.body_bytes: int | None = None
        self.open_requests = 0
        self.open_bytes = 0

    def set_limits(
        self, rpm: int | None, tpm: int | None, concurrency: int | None, body_bytes: int | None, now_s: float
    ) -> bool:
        """True if there is any limit."""
        self.requests = _resized(self.requests, rpm, now_s)
        self.tokens = _resized(self.tokens, tpm, now_s)
        self.concurrency, self.body_bytes = concurrency, body_bytes
        return any(limit is not None for limit in (rpm, tpm, concurrency, body_bytes))

    def refusal(self, now_s: float, body_bytes: int) -> LimitReached | None:
        """What speaks against one request more."""
        if self.concurrency is not None and self.open_requests >= self.concurrency:
            return self._limit("concurrent requests", self.concurrency, self.open_requests, 1.0)
        if self.body_bytes is not None and self.open_bytes + body_bytes > self.body_bytes:
            return self._limit("bytes of request bodies at once", self.body_bytes, self.open_bytes, 1.0)
        return self._rate_refusal(self.requests, "requests", now_s) or self.token_refusal(now_s)

    def token_refusal(self, now_s: float) -> LimitReached | None:
        return self._rate_refusal(self.tokens, "tokens", now_s)

    def enter(self, body_bytes: int) -> None:
        """`leave` follows, with the same `body_bytes`."""
        self.open_requests += 1
        self.open_bytes += body_bytes
        if self.requests is not None:
            self.requests.take(1.0)

    def leave(self, tokens: int, body_bytes: int) -> None:
        self.open_requests -= 1
        self.open_bytes -= body_bytes
        self.spend(tokens)

    def spend(self, tokens: int) -> None:
        if self.tokens is not None:
            self.tokens.take(tokens)

    def _rate_refusal(self, bucket: Bucket | None, what: str, now_s: float) -> LimitReached | None:
        if bucket is None or (level := bucket.level(now_s)) >= 1.0:
            return None
        used = bucket.per_minute - int(level)
        return self._limit(f"{what} per minute", bucket.per_minute, used, bucket.wait_s(1.0))

    def _limit(self, what: str, limit: int, used: int, wait_s: float) -> LimitReached:
        owner = "this API key" if self.scope == "key" else f"the {self.scope} of this API key"
        if self.scope == "channel":
            owner = "each channel that could answer"
        return LimitReached(
            f"{owner} is limited to {limit} {what}; try again in {wait_s:.1f} s",
            retry_after_s=wait_s,
            detail={"scope": self.scope, "limit": limit, "used": used, "reset_s": round(wait_s, 3)},
        )


def _resized(bucket: Bucket | None, per_minute: int | None, now_s: float) -> Bucket | None:
    if per_minute is None:
        return None
    if bucket is None:
        return Bucket(per_minute, now_s)
    if bucket.per_minute != per_minute:
        bucket.resize(per_minute, now_s)
    return bucket
