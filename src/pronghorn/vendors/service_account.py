"""Google's service accounts: their JSON key signs an assertion, which buys an access token for an hour.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import base64
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pronghorn.vendors.base import Json, TokenRequest

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_S = 3600


class _Account(msgspec.Struct):
    """The file that Google's console gives, as far as it matters."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105


class _Bought(msgspec.Struct):
    access_token: str
    expires_in: float


class ServiceAccount:
    """The credential is the file's whole text."""

    def request(self, credential: str, now_s: float) -> TokenRequest:
        account = msgspec.json.decode(credential, type=_Account)
        claims = {
            "iss": account.client_email,
            "scope": SCOPE,
            "aud": account.token_uri,
            "iat": int(now_s),
            "exp": int(now_s) + LIFETIME_S,
        }
        head = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
        signed = b".".join((_part(head), _part(claims)))
        signature = _private_key(account.private_key).sign(signed, PKCS1v15(), SHA256())
        assertion = b".".join((signed, _base64url(signature))).decode()
        return TokenRequest(account.token_uri, {"grant_type": GRANT, "assertion": assertion})

    def read(self, answer: Json) -> tuple[str, float]:
        bought = msgspec.convert(answer, _Bought)
        return bought.access_token, bought.expires_in


def _private_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the private key cannot be read") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the private key is no RSA key")
    return key


def _part(document: dict[str, Any]) -> bytes:
    return _base64url(msgspec.json.encode(document))


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
