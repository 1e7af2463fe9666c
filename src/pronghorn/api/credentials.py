"""Finding the caller's key: wherever a client of any dialect may put it, the path alone decides the dialect."""

import urllib.parse
from collections.abc import Sequence

from pronghorn.accounts import keys
from pronghorn.accounts.secrets import Secrets
from pronghorn.api.reply import Scope
from pronghorn.errors import Unauthenticated, Unavailable
from pronghorn.kit.forwarded import Forwarded
from pronghorn.relay.incoming import Headers
from pronghorn.routing import Grant, Snapshot

MAX_CREDENTIAL = 256
MAX_KNOWN_CALLERS = 10_000
MAX_IN_QUERY = 10
_HEADERS = frozenset(
    (
        b"authorization",
        b"x-api-key",
        b"x-goog-api-key",
        b"api-key",
        b"x-key",
        b"xi-api-key",
        b"mj-api-secret",
        b"sec-websocket-protocol",
    )
)
_OTHER_HEADERS = _HEADERS - {b"authorization"}
_SCHEMES = (b"bearer ", b"token ", b"key ")
_SUBPROTOCOL = b"openai-insecure-api-key."


class Doorkeeper:
    """Knows the keyed hashes of all keys; a wrong key costs the same work as a right one."""

    def __init__(self, secrets: Secrets, trusted_proxies: Sequence[str]) -> None:
        self._hash_keys = secrets.hash_keys
        self._forwarded = Forwarded(trusted_proxies) if trusted_proxies else None

    def admit(self, snapshot: Snapshot, scope: Scope, now_s: float) -> tuple[Grant, str]:
        """The grant of the caller's key, and the caller's address. Raises `Unauthenticated` or `AccessDenied`."""
        found = self._known(snapshot, scope) or self._look_up(snapshot, scope)
        client = scope.get("client")
        client_ip = client[0] if client else ""
        if self._forwarded is not None:
            sent = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
            client_ip = self._forwarded.caller(client_ip, sent.decode("latin-1"))
        if found.expires_s is not None or found.networks is not None:
            found.check_caller(now_s, client_ip)
        return found, client_ip

    @staticmethod
    def _known(snapshot: Snapshot, scope: Scope) -> Grant | None:
        """The quick way: one `Authorization` header as this snapshot has seen it before, and nothing else."""
        fields = scope.get("pronghorn.headers")
        if fields is None or len(fields) != len(scope["headers"]) or scope["query_string"]:
            return None
        grant = snapshot.known_callers.get(fields.get(b"authorization", b""))
        return grant if grant is not None and _OTHER_HEADERS.isdisjoint(fields) else None

    def _look_up(self, snapshot: Snapshot, scope: Scope) -> Grant:
        found: Grant | None = None
        secret_found = ""
        is_given = is_likely = False
        for text in _candidates(scope["headers"], scope["query_string"]):
            is_given = True
            if text == secret_found or not keys.is_well_formed(text):
                continue
            is_likely = True
            grant = self._grant(snapshot, text)
            if grant is not None and found is not None and grant is not found:
                raise Unauthenticated("two different API keys were sent; send one")
            if grant is not None:
                found, secret_found = grant, text
        if found is None and is_likely and snapshot.is_stale:
            raise Unavailable(_UNREADABLE, retry_after_s=5)
        if found is None:
            raise Unauthenticated(_WRONG if is_given else "")
        if len(snapshot.known_callers) < MAX_KNOWN_CALLERS:
            value = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if _bare(value) == secret_found:
                snapshot.known_callers[value] = found
        return found

    def _grant(self, snapshot: Snapshot, secret: str) -> Grant | None:
        for hash_key in self._hash_keys:
            grant = snapshot.grants.get(keys.keyed_hash(hash_key, secret))
            if grant is not None:
                return grant
        return None


_UNREADABLE = (
    "the database does not answer, so an API key that is new here cannot be looked up; try again shortly"
)
_WRONG = (
    "this API key is not valid here: it is mistyped, revoked, or of another gateway. "
    "Keys look like sk-live... or sk-test... and have 51 characters"
)


def _candidates(headers: Headers, query: bytes) -> list[str]:
    """Everything that could be a key, without its scheme and the blanks around it."""
    found = []
    for name, value in headers:
        if name in _HEADERS:
            if name == b"sec-websocket-protocol":
                value = _from_subprotocol(value)
            if value:
                found.append(_bare(value))
    if b"key=" in query:
        given = [part[4:] for part in query.split(b"&") if part.startswith(b"key=")]
        found += [urllib.parse.unquote_plus(text.decode("latin-1")).strip() for text in given[:MAX_IN_QUERY]]
    return found


def _bare(value: bytes) -> str:
    value = value.strip()
    lowered = value[:8].lower()
    for scheme in _SCHEMES:
        if lowered.startswith(scheme):
            value = value[len(scheme) :].strip()
            break
    return value[:MAX_CREDENTIAL].decode("latin-1")


def _from_subprotocol(value: bytes) -> bytes:
    for part in value.split(b","):
        if part.strip().startswith(_SUBPROTOCOL):
            return part.strip().removeprefix(_SUBPROTOCOL)
    return b""
