"""POST /token, where a service account trades a signed assertion for the token that Vertex AI's addresses want.

The signature is looked at, not verified: the sandbox has nobody's public key.
Source: https://developers.google.com/identity/protocols/oauth2/service-account
"""

import base64
import binascii
import json
import time
from typing import Any

from aiohttp import web

from pronghorn.kit.ids import random_base62
from pronghorn.sandbox.gemini.dialect import TOKEN_PATH
from pronghorn.sandbox.reply import reply_json

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_S = 3600
MIN_SIGNATURE_BYTES = 256
CLOCK_SKEW_S = 300

Shape = dict[str, Any]


class _Refused(Exception):
    """`code` is OAuth's word, the message Google's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def token(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    try:
        if form.get("grant_type") != GRANT:
            raise _Refused("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        _check(str(form.get("assertion", "")))
    except _Refused as error:
        return web.json_response({"error": error.code, "error_description": str(error)}, status=400)
    access_token = f"ya29.{random_base62(40)}"
    answer = {"access_token": access_token, "expires_in": LIFETIME_S, "token_type": "Bearer"}
    return await reply_json(request, answer)


def _check(assertion: str) -> None:
    """Raises `_Refused` for what is no assertion of a service account that is good now."""
    header, claims, signature = _parts(assertion)
    if header.get("alg") != "RS256" or len(signature) < MIN_SIGNATURE_BYTES:
        raise _Refused("invalid_grant", "Invalid JWT Signature.")
    missing = [name for name in ("iss", "aud", "iat", "exp") if not claims.get(name)]
    if missing or not str(claims["aud"]).endswith(TOKEN_PATH):
        raise _Refused("invalid_grant", f"Invalid JWT: Failed audience check or missing claims {missing}.")
    if not claims.get("scope"):
        raise _Refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    issued, expires, now = claims["iat"], claims["exp"], time.time()
    is_timely = isinstance(issued, int) and isinstance(expires, int) and 0 < expires - issued <= LIFETIME_S
    if not is_timely or issued > now + CLOCK_SKEW_S or expires < now:
        raise _Refused(
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your "
            "iat and exp values in the JWT claim.",
        )


def _parts(assertion: str) -> tuple[Shape, Shape, bytes]:
    try:
        header, claims, signature = (_decoded(part) for part in assertion.split("."))
        head, body = json.loads(header), json.loads(claims)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _Refused("invalid_grant", "Invalid JWT: the assertion is malformed.") from error
    if not isinstance(head, dict) or not isinstance(body, dict):
        raise _Refused("invalid_grant", "Invalid JWT: the assertion is malformed.")
    return head, body, signature


def _decoded(part: str) -> bytes:
    return base64.b64decode(part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4), validate=True)


routes = [web.post(TOKEN_PATH, token)]
