"""Service accounts of Google: the assertion that they sign, and the token that it buys."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pronghorn.vendors.service_account import ServiceAccount

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


ACCOUNT = {
    "type": "service_account",
    "private_key_id": "k1",
    "private_key": pem(KEY),
    "client_email": "gateway@example.iam.gserviceaccount.com",
    "token_uri": "https://tokens.example/token",
}


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_the_assertion_is_signed_and_says_who_asks_for_what() -> None:
    asked = ServiceAccount().request(json.dumps(ACCOUNT), 1_800_000_000.7)
    assert asked.url == "https://tokens.example/token"
    assert asked.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signature = asked.form["assertion"].split(".")
    KEY.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert json.loads(decoded(claims)) == {
        "iss": "gateway@example.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://tokens.example/token",
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
    }


@pytest.mark.parametrize(
    "credential",
    [
        "sk-something",
        "{}",
        json.dumps(ACCOUNT | {"private_key": "none"}),
        json.dumps(ACCOUNT | {"private_key": pem(ELLIPTIC)}),
        json.dumps(ACCOUNT | {"client_email": 5}),
    ],
)
def test_another_credential_is_refused(credential: str) -> None:
    with pytest.raises(ValueError):
        ServiceAccount().request(credential, 0.0)


def test_a_token_comes_with_its_life() -> None:
    answer = {"access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer"}
    assert ServiceAccount().read(answer) == ("ya29.x", 3599.0)


@pytest.mark.parametrize("answer", [{}, {"access_token": "x"}, {"access_token": 1, "expires_in": 1}])
def test_an_answer_without_a_token_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ServiceAccount().read(answer)
