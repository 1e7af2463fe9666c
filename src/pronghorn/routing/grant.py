"""Grant: what one key may do, ready for use on every request. Meter: what it has used, kept across snapshots."""

import ipaddress
from collections.abc import Sequence

from pronghorn.errors import AccessDenied, Unauthenticated
from pronghorn.kit.network import Network, parse_network
from pronghorn.ledger.budgets import Budget
from pronghorn.ledger.credit import Purse
from pronghorn.routing.gate import Gate


class Meter:
    """What a key has used, beside money: open requests, requests and tokens of the last minute."""

    __slots__ = ("gate", "open_requests")

    def __init__(self) -> None:
        self.open_requests = 0
        self.gate = Gate("key")


class Grant:
    """An enabled key, its account and its group."""

    __slots__ = (
        "_exact_models",
        "_model_prefixes",
        "account_id",
        "budgets",
        "expires_s",
        "factor_ppm",
        "gates",
        "group",
        "is_strict",
        "key_id",
        "meter",
        "mode",
        "name",
        "networks",
        "purse",
    )

    def __init__(
        self,
        *,
        key_id: str,
        name: str,
        account_id: str,
        mode: str,
        group: str,
        factor_ppm: int,
        purse: Purse,
        meter: Meter,
        models: Sequence[str] | None = None,
        ips: Sequence[str] | None = None,
        budgets: Sequence[Budget] = (),
        gates: Sequence[Gate] = (),
        expires_s: float | None = None,
        is_strict: bool = False,
    ) -> None:
        self.key_id = key_id
        self.name = name
        self.account_id = account_id
        self.mode = mode
        self.group = group
        self.factor_ppm = factor_ppm
        self.purse = purse
        self.meter = meter
        self.budgets = tuple(budgets)
        """Of the key, its account, its group."""
        self.gates = tuple(gates)
        """Those that limit something: of the key, its account, its group."""
        self.expires_s = expires_s
        self.is_strict = is_strict
        self._exact_models = None if models is None else frozenset(models)
        self._model_prefixes = tuple(m[:-1] for m in models or () if m.endswith("*"))
        self.networks: tuple[Network, ...] | None = (
            None if ips is None else tuple(parse_network(ip, strict=False) for ip in ips)
        )

    @property
    def is_test(self) -> bool:
        return self.mode == "test"

    def allows_model(self, model: str) -> bool:
        exact = self._exact_models
        return exact is None or model in exact or model.startswith(self._model_prefixes or ("\0",))

    def listed_models(self) -> list[str] | None:
        """The allow-list as the operator wrote it; None without one."""
        return None if self._exact_models is None else sorted(self._exact_models)

    def check_caller(self, now_s: float, client_ip: str) -> None:
        """Raises `Unauthenticated` once the key has expired, `AccessDenied` from a foreign address."""
        if self.expires_s is not None and now_s >= self.expires_s:
            raise Unauthenticated("this API key has expired; ask the operator for a new one")
        if self.networks is not None and not self._is_inside(client_ip):
            raise AccessDenied(f"this API key may not be used from {client_ip or 'this address'}")

    def _is_inside(self, client_ip: str) -> bool:
        try:
            address = ipaddress.ip_address(client_ip)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.networks or ())

    def enter(self, now_s: float, body_bytes: int) -> None:
        """Count one request in; `leave` counts it out. Raises `LimitReached` and counts nothing."""
        gates = self.gates
        for gate in gates:
            if (refusal := gate.refusal(now_s, body_bytes)) is not None:
                raise refusal
        for gate in gates:
            gate.enter(body_bytes)
        self.meter.open_requests += 1

    def leave(self, tokens: int, body_bytes: int) -> None:
        self.meter.open_requests -= 1
        for gate in self.gates:
            gate.leave(tokens, body_bytes)

    def budget_purses(self, now_s: float) -> tuple[Purse, ...]:
        """Of the budgets' windows at the Unix time `now_s`, in their order."""
        return tuple([budget.purse(now_s) for budget in self.budgets])
