"""Routes: what a model's name leads to: other models, an order of asking, and models that stand in.

A target is a model of the catalogue and is asked as such: routes are never followed from one to the next.
"""

import difflib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field
from sqlalchemy import delete, insert, select, update

from pronghorn.accounts.act import Act
from pronghorn.errors import BadRequest, NotFound
from pronghorn.manage import fields
from pronghorn.manage.fields import Name, Time
from pronghorn.manage.paging import Page, Window, fetch
from pronghorn.routing.route import Policy
from pronghorn.store import Tx, revision
from pronghorn.store import models as table

MAX_TARGETS = 10
Targets = Annotated[
    list[Name], Meta(max_length=MAX_TARGETS, description="Models of the catalogue, best first.")
]


class Fallbacks(Struct, forbid_unknown_fields=True):
    """Who is asked next, by what went wrong."""

    context_too_long: Targets = field(default_factory=list)
    content_filter: Targets = field(default_factory=list)
    unavailable: Targets = field(default_factory=list)


class NewRoute(Struct, forbid_unknown_fields=True):
    models: Targets = field(default_factory=list)
    """Empty: the model of the asked name."""
    policy: Policy | None = None
    """Null: by weight."""
    fallbacks: Fallbacks = field(default_factory=Fallbacks)


class Route(Struct):
    name: str
    models: list[str]
    policy: Policy | None
    fallbacks: Fallbacks
    created_at: Time


def view(row: Any) -> Route:
    return Route(
        name=row.name,
        models=row.models,
        policy=row.policy,
        fallbacks=msgspec.convert(row.fallbacks, Fallbacks),
        created_at=fields.time_text(row.created_ms),
    )


async def put(tx: Tx, act: Act, name: str, new: NewRoute) -> Route:
    """Make the route, or replace it."""
    name = fields.model_name(name, "name")
    known = set((await tx.execute(select(table.Model.name))).scalars())
    models = await _targets(tx, new.models, "models", known)
    if not models:
        _check_stands_for_itself(name, known)
    fallbacks = {
        cause: await _targets(tx, names, f"fallbacks.{cause}", known)
        for cause, names in msgspec.structs.asdict(new.fallbacks).items()
        if names
    }
    values = {"models": models, "policy": new.policy, "fallbacks": fallbacks}
    changed = await tx.execute(update(table.Route).where(table.Route.name == name).values(values))
    if not changed.rowcount:
        await tx.execute(insert(table.Route).values(name=name, created_ms=act.now_ms, **values))
    await act.record(tx, "route.set", name, **values)
    await revision.bump(tx)
    return await get(tx, name)


async def _targets(tx: Tx, names: list[str], param: str, known: set[str]) -> list[str]:
    """Each once. Raises `BadRequest` for too many, and for one that is no model."""
    if len(names) > MAX_TARGETS:
        raise BadRequest(f"{param}: a route names at most {MAX_TARGETS} models", param=param)
    for name in names:
        if fields.model_name(name, param) not in known:
            raise BadRequest(f"{param}: {await _unknown(tx, name, known)}", param=param)
    return list(dict.fromkeys(names))


def _check_stands_for_itself(name: str, known: set[str]) -> None:
    if "*" not in name and name not in known:
        raise BadRequest(
            f"models: there is no model {name!r}, so its route must name the models it leads to"
            f"{_closest(name, known)}; GET /manage/v1/models lists them",
            param="models",
        )


async def _unknown(tx: Tx, target: str, known: set[str]) -> str:
    alias = await tx.scalar(select(table.Route.models).where(table.Route.name == target))
    if alias:
        return f"{target!r} is a route itself, and routes do not chain; name its models: {', '.join(alias)}"
    return f"there is no model {target!r}{_closest(target, known)}; GET /manage/v1/models lists them"


def _closest(name: str, known: set[str]) -> str:
    found = difflib.get_close_matches(name[:80], known, n=3, cutoff=0.5)
    return f"; the closest: {', '.join(found)}" if found else ""


async def get(tx: Tx, name: str) -> Route:
    row = (await tx.execute(select(table.Route).where(table.Route.name == name))).one_or_none()
    if row is None:
        raise NotFound(f"there is no route {name!r}; GET /manage/v1/routes lists them")
    return view(row)


async def page(tx: Tx, part: Window) -> Page[Route]:
    return await fetch(tx, select(table.Route), table.Route.created_ms, table.Route.name, part, view)


async def remove(tx: Tx, act: Act, name: str) -> None:
    """The name stands for itself again."""
    await get(tx, name)
    await tx.execute(delete(table.Route).where(table.Route.name == name))
    await act.record(tx, "route.delete", name)
    await revision.bump(tx)
