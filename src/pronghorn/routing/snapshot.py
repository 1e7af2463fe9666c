"""The snapshot: everything that a request needs to know about the configuration, in memory and never changed."""

import copy
import difflib
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import quote

from pronghorn.ledger.prices import Price
from pronghorn.routing.gate import Gate
from pronghorn.routing.grant import Grant
from pronghorn.routing.health import Candidate, Vitals
from pronghorn.routing.route import Policy, Routes
from pronghorn.routing.tier import Tier
from pronghorn.upstream import Origin, request_head
from pronghorn.vendors import ChatVendor

_UNKNOWN = "unknown"


class Channel:
    """A vendor's account, ready to be called."""

    __slots__ = (
        "_authorizations",
        "_credentials",
        "_heads",
        "_next",
        "_turns",
        "base_path",
        "candidates",
        "cost_ppm",
        "gate",
        "groups",
        "healths",
        "id",
        "models",
        "name",
        "origin",
        "priority",
        "secrets",
        "vendor",
        "vitals",
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
        cost_ppm: int = 1_000_000,
        vitals: Vitals | None = None,
        gate: Gate | None = None,
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
        self.cost_ppm = cost_ppm
        """What the operator pays there, in millionths of the list price."""
        self.gate = gate
        """None: nothing is limited."""
        self.secrets = spellings(credentials)
        """What no caller may be shown."""
        self._credentials = list(credentials) or [""]
        self.vitals = vitals or Vitals()
        self.healths = [self.vitals.credential(credential) for credential in self._credentials]
        """Of each credential of the pool, in its order."""
        self.candidates = [
            Candidate(self, place, health, self.vitals.channel) for place, health in enumerate(self.healths)
        ]
        self._authorizations = [vendor.auth.head(credential) for credential in credentials] or [b""]
        is_ready = vendor.sign is None and vendor.token is None
        self._heads = {
            endpoint: [request_head(origin, path.encode()) + line for line in self._authorizations]
            for endpoint in vendor.paths
            if is_ready
            and (path := vendor.url_path(base_path, endpoint)) is not None
            and "{model}" not in path
        }
        self._turns = tuple(range(len(self.healths))) * 2
        """Twice round the pool, so that a round from any place on is one slice."""
        self._next = 0

    def target(self, endpoint: str) -> str | None:
        """The endpoint of the vendor that answers for `endpoint`; another one means conversion."""
        return endpoint if endpoint in self._heads else self.vendor.target(endpoint)

    def speaks(self, endpoint: str) -> bool:
        """It is asked in the caller's own dialect, with nothing to sign or to buy before."""
        return endpoint in self._heads

    def serves(self, endpoint: str) -> bool:
        return endpoint in self._heads or self.vendor.target(endpoint) is not None

    def places(self, affinity: int | None, now_s: float) -> Sequence[int]:
        """The credentials that may be asked now: in turn, or from where a conversation was before."""
        for health in self.healths:
            if health.until_s:
                return self._open_places(affinity, now_s)
        count = len(self.healths)
        if affinity is None:
            self._next += 1
        start = (self._next if affinity is None else affinity) % count
        return self._turns[start : start + count]

    def _open_places(self, affinity: int | None, now_s: float) -> list[int]:
        """Where some are unwell."""
        healths = self.healths
        if affinity is not None:
            start = affinity % len(healths)
            turned = self._turns[start : start + len(healths)]
            return [place for place in turned if healths[place].is_open(now_s)]
        found = [place for place, health in enumerate(healths) if health.is_open(now_s)]
        if len(found) > 1:
            self._next += 1
            start = self._next % len(found)
            found = found[start:] + found[:start]
        return found

    def head(self, endpoint: str, model: str, place: int, *, is_stream: bool) -> bytes:
        """Request line and fixed header lines, with the credential at `place` of the pool."""
        heads = self._heads.get(endpoint)
        if heads is not None:
            return heads[place]
        path = self.path(endpoint, model, is_stream=is_stream)
        return request_head(self.origin, path.encode()) + self._authorizations[place]

    def path(self, endpoint: str, model: str, *, is_stream: bool) -> str:
        vendor = self.vendor
        path = (vendor.stream_url_path if is_stream else vendor.url_path)(self.base_path, endpoint)
        assert path is not None, f"{vendor.name} has no {endpoint}"
        return path.replace("{model}", quote(model, safe=".-_~@"))

    def credential(self, place: int) -> str:
        """For vendors that sign each request, or buy a token first."""
        return self._credentials[place]


def tiers_of(
    channels: Iterable[Channel], policy: Policy, rank: Callable[[Channel], int] = lambda _: 0
) -> list[Tier]:
    """By `rank`, lowest first; then by priority, highest first; by the policy `price` then by cost."""
    by_place: dict[tuple[int, int, int], list[Channel]] = {}
    for channel in channels:
        cost = channel.cost_ppm if policy == "price" else 0
        by_place.setdefault((rank(channel), -channel.priority, cost), []).append(channel)
    return [Tier(by_place[place], policy) for place in sorted(by_place)]


def spellings(credentials: Sequence[str]) -> list[bytes]:
    """As a vendor may repeat them in its words: plain, as a part of an address, in base64."""
    found: dict[bytes, None] = {}
    for credential in credentials:
        if len(credential) >= 6:
            plain = credential.encode()
            found |= dict.fromkeys((plain, quote(credential, safe="").encode(), b64encode(plain)))
    return list(found)


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

    def named(self, name: str) -> "Model":
        """The same by another name."""
        other = copy.copy(self)
        other.name = name
        return other


class Snapshot:
    """Swapped as a whole; a request keeps the one it began with."""

    def __init__(
        self,
        *,
        revision: int = 0,
        grants: Mapping[bytes, Grant] | None = None,
        models: Mapping[str, Model] | None = None,
        channels: Sequence[Channel] = (),
        sandbox: Mapping[str, Channel] | None = None,
        routes: Routes | None = None,
    ) -> None:
        self.revision = revision
        self.grants = grants or {}
        self.models = models or {}
        self.channels = tuple(channels)
        self.sandbox = sandbox or {}
        """The simulator as each vendor, by the vendor's name; empty where there is none."""
        self.routes = routes or Routes()
        self.is_stale = False
        """The database could not say lately whether there is a newer one: what is unknown here may be known there."""
        self.known_callers: dict[bytes, Grant] = {}
        """`Authorization` values that were looked up before; bounded, and gone with the snapshot."""
        self._tiers: dict[tuple[str, str, Policy], list[Tier]] = {}
        self._shared: dict[tuple[Policy, tuple[Channel, ...]], Tier] = {}
        self._served: dict[tuple[str, str, str], bool] = {}
        self._only: dict[tuple[str, str], Candidate | None] = {}
        self._by_model: dict[str, list[Channel]] = {}
        for channel in channels:
            for model in channel.models:
                self._by_model.setdefault(model, []).append(channel)

    def sandbox_for(self, model: Model, endpoint: str) -> Channel | None:
        """The simulator as the model's own vendor, or as OpenAI where that one has no such endpoint."""
        own = self.sandbox.get(model.vendor)
        return own if own is not None and own.serves(endpoint) else self.sandbox.get("openai")

    def tiers(self, model: str, group: str, policy: Policy = "weight") -> list[Tier]:
        """The channels that serve `model` to `group`, grouped by priority, highest first."""
        tiers = self._tiers.get((model, group, policy))
        if tiers is None:
            channels = [channel for channel in self._by_model.get(model, ()) if group in channel.groups]
            # Models that the same channels serve share one, with its ring.
            tiers = [
                self._shared.setdefault((policy, tier.channels), tier) for tier in tiers_of(channels, policy)
            ]
            if model in self._by_model:  # never remember names that callers make up
                self._tiers[model, group, policy] = tiers
        return tiers

    def serves(self, model: str, group: str, endpoint: str) -> bool:
        """Is there a channel for this, whatever its health?"""
        served = self._served.get((model, group, endpoint))
        if served is None:
            tiers = self.tiers(model, group)
            served = any(channel.serves(endpoint) for tier in tiers for channel in tier.channels)
            if model in self._by_model:
                self._served[model, group, endpoint] = served
        return served

    def only(self, model: str, group: str) -> Candidate | None:
        """The one candidate of a model that has no other."""
        only = self._only.get((model, group), _UNKNOWN)
        if isinstance(only, str):
            tiers = self.tiers(model, group)
            channels = [channel for tier in tiers for channel in tier.channels]
            is_one = len(channels) == 1 and len(channels[0].candidates) == 1
            only = channels[0].candidates[0] if is_one else None
            if model in self._by_model:
                self._only[model, group] = only
        return only

    def has_choice(self, model: str, group: str) -> bool:
        """There is more than one credential that could be asked first."""
        tiers = self.tiers(model, group)
        return bool(tiers) and (len(tiers[0].channels) > 1 or len(tiers[0].channels[0].healths) > 1)

    def visible_models(self, grant: Grant) -> list[Model]:
        """What GET /v1/models lists for a key: what it may use and what something would serve."""
        return [
            model
            for name, model in self.models.items()
            if grant.allows_model(name)
            and (not model.is_retired or grant.is_test)
            and (grant.is_test or self.tiers(name, grant.group))
        ] + self._aliases(grant)

    def _aliases(self, grant: Grant) -> list[Model]:
        """The operator's own names for models, as such."""
        found = []
        for name, route in self.routes.aliases().items():
            model = next((self.models[m] for m in route.models if m in self.models), None)
            is_new = name not in self.models and grant.allows_model(name)
            if is_new and model is not None and (grant.is_test or self.tiers(model.name, grant.group)):
                found.append(model.named(name))
        return found

    def similar_names(self, name: str, grant: Grant) -> list[str]:
        """The closest names that this key may use, best first."""
        known = [model.name for model in self.visible_models(grant)]
        return difflib.get_close_matches(name[:80], known, n=3, cutoff=0.5)
