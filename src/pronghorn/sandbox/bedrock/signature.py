"""Who signed a request: the sandbox has one pair of keys, and works the signature out again, byte by byte.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
import time
from datetime import UTC, datetime
from urllib.parse import quote

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError

ACCESS_KEY = "AKIASANDBOXSANDBOX"
SECRET_KEY = "sandbox/secret+key"  # noqa: S105
CLOCK_SKEW_S = 300

_SCOPE = r"(?P<scope>(?P<day>\d{8})/[a-z0-9-]+/(?P<service>[a-z]+)/aws4_request)"
_AUTHORIZATION = re.compile(
    rf"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/{_SCOPE}, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def credential(request: web.Request) -> str:
    """The access key, or a Bedrock API key; empty if neither was given."""
    header = request.headers.get("authorization", "")
    if header.startswith("Bearer "):
        return header.removeprefix("Bearer ").strip()
    found = _AUTHORIZATION.fullmatch(header)
    return found["key"] if found else ""


async def check(request: web.Request) -> None:
    """Raises `SandboxError` unless the request was signed with the sandbox's keys; an API key is good as it is."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return
    stamp, names = request.headers.get("x-amz-date", ""), found["headers"].split(";")
    if found["key"] != ACCESS_KEY:
        raise _refused(
            "The security token included in the request is invalid.", "UnrecognizedClientException"
        )
    if found["service"] != "bedrock" or not stamp.startswith(found["day"]):
        raise _refused("Credential should be scoped to correct service: 'bedrock'.")
    lent = [name for name in ("x-amz-security-token",) if name in request.headers]
    if names != sorted(names) or not {"host", "x-amz-date", *lent} <= set(names):
        raise _refused("'Host' and all 'X-Amz-' headers must be signed.")
    if abs(_time_s(stamp) - time.time()) > CLOCK_SKEW_S:
        raise _refused(f"Signature expired: {stamp} is not within 5 minutes of the server's time.")
    if not hmac.compare_digest(await _expected(request, names, stamp, found["scope"]), found["signature"]):
        raise _refused(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method."
        )


def _refused(message: str, code: str = "InvalidSignatureException") -> SandboxError:
    return SandboxError(message, status=403, code=code)


def _time_s(stamp: str) -> float:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise _refused("Date must be in ISO-8601 'basic format'.") from error


async def _expected(request: web.Request, names: list[str], stamp: str, scope: str) -> str:
    path, _, query = request.raw_path.partition("?")
    lines = [
        request.method,
        quote(path, safe="/~"),
        "&".join(sorted(query.split("&"))),
        *(f"{name}:{request.headers.get(name, '').strip()}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(await request.read()).hexdigest(),
    ]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = ("AWS4" + SECRET_KEY).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
