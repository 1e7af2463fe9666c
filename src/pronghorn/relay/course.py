"""Course: which model answers a request: the asked one, what the operator lets its name lead to, or who stands in."""

import re

from pronghorn.errors import (
    AccessDenied,
    BadRequest,
    LimitReached,
    ModelNotFound,
    NoChannel,
    NoRoute,
    PronghornError,
    UpstreamError,
    UpstreamRejected,
)
from pronghorn.relay.endpoints import Endpoint
from pronghorn.relay.exchange import Exchange
from pronghorn.routing import Grant, Model, Snapshot, control
from pronghorn.routing.control import Control
from pronghorn.routing.route import Cause, Policy, Route
from pronghorn.wire.openai import Peek

_HEADER = control.HEADER.encode()
_NO_ROUTE = Route("")
_TOO_LONG = re.compile(
    rb"context_length_exceeded|string_above_max_length|context.{0,20}(?:length|window|limit)|prompt is too long"
    rb"|exceeds? the maximum (?:number of )?(?:input )?tokens|input token count|too many (?:input )?tokens"
    rb"|input is too long|maximum prompt length",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    rb"content_filter|content.?policy|content management policy|ResponsibleAI|safety system|moderation"
    rb"|data_inspection_failed|sensitive|prohibited_content|flagged",
    re.IGNORECASE,
)


class Course:
    """`exchange.model` is the model that is asked now; `advance` goes on to the next one."""

    __slots__ = ("_route", "_snapshot", "_tried", "control", "policy")

    def __init__(self, snapshot: Snapshot, route: Route, control: Control | None) -> None:
        self._snapshot = snapshot
        self._route = route
        self._tried: set[str] = set()
        self.control = control
        self.policy: Policy = (control and control.sort) or route.policy or "weight"

    def advance(self, exchange: Exchange, failure: PronghornError) -> bool:
        """The next model that may answer after this failure. False: there is none."""
        cause = cause_of(failure)
        if cause is None or (self.control is not None and not self.control.has_fallback):
            return False
        asked = self.control.models if self.control is not None else ()
        aliases = self._route.models if cause == "unavailable" else ()
        self._tried.add(exchange.model.name if exchange.model is not None else "")
        for name in (*asked, *aliases, *self._route.fallbacks.get(cause, ())):
            # Who may use an alias may use what is behind it.
            if name in self._tried or not (name in aliases or exchange.grant.allows_model(name)):
                continue
            model = self._snapshot.models.get(name)
            if model is not None and can_do(model, exchange.endpoint):
                exchange.model = model
                return True
        return False


def find(snapshot: Snapshot, exchange: Exchange, peek: Peek) -> Course | None:
    """Sets `exchange.model`. None: it is the asked one and nothing else, which is what most requests want.

    Raises `ModelNotFound` with the closest names, `AccessDenied`, or `BadRequest`.
    """
    wanted = (
        _control(exchange, peek) if peek.models or peek.provider or _HEADER in _headers(exchange) else None
    )
    name = exchange.incoming.model or peek.model or exchange.endpoint.default_model
    if wanted is not None and wanted.models and not peek.model:
        name = wanted.models[0]
    if not name:
        raise BadRequest("the body has no `model`", param="model", code="missing_required_parameter")
    exchange.model_name = name
    route = snapshot.routes.of(name) if snapshot.routes else None
    exchange.model = _served(snapshot, exchange, name, route)
    check_capability(snapshot, exchange.grant, exchange.model, exchange.endpoint)
    if wanted is not None:
        for other in wanted.models:
            known_model(snapshot, exchange.grant, other)
        if not wanted.has_fallback and set(wanted.models) - {name}:
            raise BadRequest("no fallback was asked for, and other models were given", param="models")
    return None if route is None and wanted is None else Course(snapshot, route or _NO_ROUTE, wanted)


def _headers(exchange: Exchange) -> dict[bytes, bytes]:
    return exchange.incoming.headers


def _control(exchange: Exchange, peek: Peek) -> Control | None:
    in_body = control.from_body(bytes(peek.models), bytes(peek.provider))
    in_header = _headers(exchange).get(_HEADER)
    if in_body is not None:
        exchange.ours = ("models", "provider")
    if in_header is None:
        return in_body
    if in_body is not None:
        raise BadRequest(
            f"the header {control.HEADER} and `models` or `provider` in the body both say which way to go; "
            "leave one of them out",
            param=control.HEADER,
        )
    return control.from_header(in_header.decode("utf-8", "replace"))


def _served(snapshot: Snapshot, exchange: Exchange, name: str, route: Route | None) -> Model:
    """The model that a name leads to first."""
    grant = exchange.grant
    if route is None or not route.models:
        return known_model(snapshot, grant, name)
    if not grant.allows_model(name):
        raise _not_allowed(name)
    models = [snapshot.models[target] for target in route.models if target in snapshot.models]
    if not models:
        raise ModelNotFound(f"none of the models that {name!r} stands for exists any more", param="model")
    return next((model for model in models if can_do(model, exchange.endpoint)), models[0])


def known_model(snapshot: Snapshot, grant: Grant, name: str) -> Model:
    model = snapshot.models.get(name)
    if model is None or (model.is_retired and not grant.is_test and not snapshot.tiers(name, grant.group)):
        similar = snapshot.similar_names(name, grant)
        hint = f"; did you mean {' or '.join(similar)}?" if similar else ";"
        raise ModelNotFound(
            f"the model {name[:200]!r} does not exist here{hint} GET /v1/models lists what this key can use",
            param="model",
        )
    if not grant.allows_model(name):
        raise _not_allowed(name)
    return model


def _not_allowed(name: str) -> AccessDenied:
    return AccessDenied(
        f"this API key may not use the model {name!r}; GET /v1/models lists what it can use", param="model"
    )


def can_do(model: Model, endpoint: Endpoint) -> bool:
    return not model.capabilities or not model.capabilities.isdisjoint(endpoint.needs)


def check_capability(snapshot: Snapshot, grant: Grant, model: Model, endpoint: Endpoint) -> None:
    """Raises `BadRequest` that names what the model lacks, and a model that has it."""
    if can_do(model, endpoint):
        return
    able = [
        other for other in snapshot.visible_models(grant) if can_do(other, endpoint) and other.capabilities
    ]
    # Of the same vendor, if it has one: that is where the caller's other settings fit.
    able.sort(key=lambda other: (other.vendor != model.vendor, -other.created_s, other.name))
    lacking = endpoint.needs[0]
    hint = f"{able[0].name!r} can" if able else "no model that this key may use can"
    detail: dict[str, object] = {"capability": lacking}
    if able:
        detail["model"] = able[0].name
    raise BadRequest(
        f"the model {model.name!r} lacks the capability `{lacking}` that this route needs "
        f"(it has {', '.join(sorted(model.capabilities))}); {hint}",
        param="model",
        code="model_not_capable",
        detail=detail,
    )


def cause_of(failure: PronghornError) -> Cause | None:
    """Which kind of failure another model could mend."""
    if isinstance(failure, UpstreamRejected):
        if _TOO_LONG.search(failure.body):
            return "context_too_long"
        return "content_filter" if _FILTERED.search(failure.body) else None
    if isinstance(failure, UpstreamError | NoChannel | NoRoute | LimitReached):
        return "unavailable"
    return None
