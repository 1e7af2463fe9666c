"""Rate headers: what is left of the caller's limits, in the words that the SDKs of its dialect read."""

import time
from datetime import UTC, datetime

from pronghorn.kit.bucket import Bucket
from pronghorn.relay.incoming import Headers
from pronghorn.routing.gate import Gate


def rate_headers(gates: tuple[Gate, ...], dialect: str) -> Headers:
    """Of several limits the one that is nearest."""
    now_s = time.monotonic()
    headers: Headers = []
    write = _anthropic if dialect == "messages" else _openai
    for what in ("requests", "tokens"):
        buckets: list[Bucket] = [b for gate in gates if (b := getattr(gate, what)) is not None]
        if buckets:
            headers += write(what.encode(), min(buckets, key=lambda bucket: bucket.level(now_s)))
    return headers


def _openai(what: bytes, bucket: Bucket) -> Headers:
    return [
        (b"x-ratelimit-limit-" + what, b"%d" % bucket.per_minute),
        (b"x-ratelimit-remaining-" + what, b"%d" % _left(bucket)),
        (b"x-ratelimit-reset-" + what, b"%dms" % (bucket.wait_s(bucket.per_minute) * 1000)),
    ]


def _anthropic(what: bytes, bucket: Bucket) -> Headers:
    full_at = datetime.fromtimestamp(time.time() + bucket.wait_s(bucket.per_minute), UTC)
    start = b"anthropic-ratelimit-" + what
    return [
        (start + b"-limit", b"%d" % bucket.per_minute),
        (start + b"-remaining", b"%d" % _left(bucket)),
        (start + b"-reset", full_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()),
    ]


def _left(bucket: Bucket) -> int:
    """As of the last look at its level."""
    return max(int(bucket.per_minute - bucket.wait_s(bucket.per_minute) * bucket.per_minute / 60.0 + 1e-9), 0)
