"""Client secrets: keys that live for minutes and open one kind of realtime session, made for browsers.

A secret is sealed with the installation's own and carries all that it stands for: any server can open it, none
keeps it. It ends with the key that it was made with.
"""

import zlib

import msgspec

from pronghorn.accounts.secrets import SecretError, Secrets
from pronghorn.errors import BadRequest, Unauthenticated

PREFIX = "ek_"
MAX_CHARACTERS = 6_000
"""It has to fit into a header line."""
MAX_SESSION_BYTES = 1024 * 1024
LIFE_S, SHORTEST_S, LONGEST_S = 600, 10, 7_200


class ClientSecret(msgspec.Struct, frozen=True, tag="client_secret"):
    key_id: str
    expires_s: int
    """Unix time. A session that was opened before goes on after it."""
    model: str
    is_transcription: bool
    session: str
    """What the vendor is told first, as JSON; empty for nothing."""


def seal(secrets: Secrets, secret: ClientSecret) -> str:
    """Raises `BadRequest` for a session that is too large."""
    sealed = PREFIX + secrets.seal_bytes(zlib.compress(msgspec.json.encode(secret))).rstrip("=")
    if len(sealed) > MAX_CHARACTERS:
        raise BadRequest(
            "the session is too large for a client secret; leave long instructions and tools to a session.update",
            param="session",
        )
    return sealed


def unseal(secrets: Secrets, text: str, now_s: float) -> ClientSecret:
    """Raises `Unauthenticated`."""
    sealed = text.removeprefix(PREFIX)
    try:
        packed = secrets.open_bytes(sealed + "=" * (-len(sealed) % 4))
        plain = zlib.decompressobj().decompress(packed, MAX_SESSION_BYTES)
        secret = msgspec.json.decode(plain, type=ClientSecret)
    except (SecretError, ValueError, zlib.error) as error:
        raise Unauthenticated("this client secret is not valid here") from error
    if now_s >= secret.expires_s:
        raise Unauthenticated("this client secret has expired; make a new one")
    return secret
