"""Links: what a vendor made is fetched through the gateway, by a signed address that only those have who were told it.

The vendor's own address shows who it is, may want a credential, and may be reachable from here alone.
"""

import hashlib
import hmac

from pronghorn.accounts.secrets import Secrets
from pronghorn.settings import Settings
from pronghorn.tasks.family import Family
from pronghorn.tasks.view import Link, View

PREFIX = "/media/"
SIGNATURE_CHARACTERS = 32


class Links:
    def __init__(self, vault: Secrets, base_url: str) -> None:
        self._vault = vault
        self.base_url = base_url.rstrip("/")

    def of(self, task_id: str) -> Link:
        def link(name: str, url: str) -> str:
            return f"{self.base_url}{PREFIX}{task_id}/{name}/{self.signature(task_id, name)}" if url else ""

        return link

    def signature(self, task_id: str, name: str) -> str:
        return _signature(self._vault.link_keys[0], task_id, name)

    def is_signed(self, task_id: str, name: str, signature: str) -> bool:
        given = signature.encode()
        signatures = [_signature(key, task_id, name).encode() for key in self._vault.link_keys]
        return any(hmac.compare_digest(one, given) for one in signatures)

    def callback(self, task_id: str) -> str:
        """Where a vendor tells us of this task. The name cannot be one of a medium."""
        return f"{self.base_url}/hooks/tasks/{task_id}/{self.signature(task_id, '')}"


def _signature(key: bytes, task_id: str, name: str) -> str:
    text = f"{task_id}/{name}".encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:SIGNATURE_CHARACTERS]


def own_address(settings: Settings) -> str:
    """Where links lead to without a `public_url`, as far as settings know."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    return settings.public_url or f"http://{host}:{settings.port}"


def addresses(family: Family, view: View) -> dict[str, str]:
    """The vendor's own, by the names that links have."""
    found: dict[str, str] = {}

    def note(name: str, url: str) -> str:
        found[name] = url
        return url

    family.shown(view, note)
    return found
