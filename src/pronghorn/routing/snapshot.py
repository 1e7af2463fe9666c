"""The snapshot: everything that a request needs to know about the configuration, in memory and never changed."""

import difflib
from collections.abc import Mapping, Sequence

from pronghorn.ledger.prices import Price
from pronghorn.routing.grant import Grant
from pronghorn.upstream import Origin, request_head
from pronghorn.vendors import ChatVendor


class Channel:
    """A vendor's account, ready to be called."""

    __slots__ = (
        "_heads",
        "_next",
        "base_path",
        "groups",
        "id",
        "models",
        "name",
        "origin",
        "priority",
        "secrets",
        "vendor",
        "weight",
    )

    def __init__(
        self,
        *,
        id: str,
        name: str,
        vendor: ChatVendor,
        origin: Origin,
        base_path: str,
        credentials: Sequence[str],
        models: Mapping[str, str],
        groups: Sequence[str] = ("default",),
        priority: int = 0,
        weight: int = 1,
    ) -> None:
        self.id = id
        self.name = name
        self.vendor = vendor
        self.origin = origin
        self.base_path = base_path
        self.models = models
        self.groups = frozenset(groups)
        self.priority = priority
        self.weight = max(weight, 0)
        self.secrets = [credential.encode() for credential in credentials if len(credential) >= 6]
        authorizations = [vendor.auth.head(credential) for credential in credentials] or [b""]
        self._heads = {
            endpoint: [request_head(origin, path.encode()) + line for line in authorizations]
            for endpoint in vendor.paths
            if (path := vendor.url_path(base_path, endpoint)) is not None
        }
        self._next = 0

    def serves(self, endpoint: str) -> bool:
        return endpoint in self._heads

    def head(self, endpoint: str) -> bytes:
        """Request line and fixed header lines, with the next credential of the pool, in turn."""
        heads = self._heads[endpoint]
        if len(heads) == 1:
            return heads[0]
        self._next = (self._next + 1) % len(heads)
        return heads[self._next]


class Model:
    """A row of the catalogue with the price that holds."""

    __slots__ = (
        "capabilities",
        "context_tokens",
        "created_s",
        "display_name",
        "is_retired",
        "max_output_tokens",
        "name",
        "price",
        "vendor",
    )

    def __init__(
        self,
        *,
        name: str,
        vendor: str,
        capabilities: Sequence[str] = (),
        context_tokens: int | None = None,
        max_output_tokens: int | None = None,
        price: Price | None = None,
        display_name: str = "",
        is_retired: bool = False,
        created_s: int = 0,
    ) -> None:
        self.name = name
        self.vendor = vendor
        self.capabilities = frozenset(capabilities)
        self.context_tokens = context_tokens
        self.max_output_tokens = max_output_tokens
        self.price = price
        self.display_name = display_name
        self.is_retired = is_retired
        self.created_s = created_s


class Snapshot:
    """Swapped as a whole; a request keeps the one it began with."""

    def __init__(
        self,
        *,
        revision: int = 0,
        grants: Mapping[bytes, Grant] | None = None,
        models: Mapping[str, Model] | None = None,
        channels: Sequence[Channel] = (),
        sandbox: Channel | None = None,
    ) -> None:
        self.revision = revision
        self.grants = grants or {}
        self.models = models or {}
        self.channels = tuple(channels)
        self.sandbox = sandbox
        self.known_callers: dict[bytes, Grant] = {}
        """`Authorization` values that were looked up before; bounded, and gone with the snapshot."""
        self._tiers: dict[tuple[str, str], list[list[Channel]]] = {}
        self._by_model: dict[str, list[Channel]] = {}
        for channel in channels:
            for model in channel.models:
                self._by_model.setdefault(model, []).append(channel)

    def tiers(self, model: str, group: str) -> list[list[Channel]]:
        """The channels that serve `model` to `group`, grouped by priority, highest first."""
        tiers = self._tiers.get((model, group))
        if tiers is None:
            by_priority: dict[int, list[Channel]] = {}
            for channel in self._by_model.get(model, ()):
                if group in channel.groups:
                    by_priority.setdefault(channel.priority, []).append(channel)
            tiers = [by_priority[priority] for priority in sorted(by_priority, reverse=True)]
            if model in self._by_model:  # never remember names that callers make up
                self._tiers[model, group] = tiers
        return tiers

    def visible_models(self, grant: Grant) -> list[Model]:
        """What GET /v1/models lists for a key: what it may use and what something would serve."""
        return [
            model
            for name, model in self.models.items()
            if grant.allows_model(name)
            and (not model.is_retired or grant.is_test)
            and (grant.is_test or self.tiers(name, grant.group))
        ]

    def similar_names(self, name: str, grant: Grant) -> list[str]:
        """The closest names that this key may use, best first."""
        known = [model.name for model in self.visible_models(grant)]
        return difflib.get_close_matches(name[:80], known, n=3, cutoff=0.5)
