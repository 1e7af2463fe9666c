"""AWS Signature Version 4: the header lines that prove who sent a request, and that nobody changed it.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from pronghorn.vendors.base import Unsigned

ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    access_key: str
    secret_key: str
    session_token: str = ""
    """Of keys that were lent for a while."""


def head(
    request: Unsigned, keys: Keys, *, region: str, service: str, headers: Mapping[str, str] | None = None
) -> bytes:
    """The lines to add to `request`. `headers` are signed with it: names in lower case."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(request.now_s))
    added = {"x-amz-date": stamp}
    if keys.session_token:
        added["x-amz-security-token"] = keys.session_token
    signed = dict(sorted({"host": request.host, **(headers or {}), **added}.items()))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(_canonical(request, signed).encode()).hexdigest()
    to_sign = "\n".join((ALGORITHM, stamp, scope, digest))
    signature = hmac.digest(_key(keys.secret_key, scope), to_sign.encode(), hashlib.sha256).hex()
    added["authorization"] = (
        f"{ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={';'.join(signed)}, "
        f"Signature={signature}"
    )
    return "".join(f"{name}: {value}\r\n" for name, value in added.items()).encode("latin-1")


def _canonical(request: Unsigned, signed: Mapping[str, str]) -> str:
    path, _, query = request.target.partition("?")
    pairs = sorted(part if "=" in part else f"{part}=" for part in query.split("&") if part)
    return "\n".join(
        (
            request.method,
            quote(path, safe="/-_.~"),  # once more: all services but S3 sign the path as it is sent, encoded
            "&".join(pairs),
            *(f"{name}:{' '.join(value.split())}" for name, value in signed.items()),
            "",
            ";".join(signed),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key
