"""Groups: which price factors a caller may use, and which models are served by them.

A user may use the group of his account and no other: which group that is, the operator decides.
"""

from typing import Any, NamedTuple

from litestar import get
from sqlalchemy import select

from pronghorn.ledger.prices import PPM
from pronghorn.portal.answer import Answer
from pronghorn.portal.caller import Caller
from pronghorn.portal.given import Asking, Shared, Visiting, Wanted
from pronghorn.portal.ratios import ratio
from pronghorn.routing import Snapshot
from pronghorn.routing.snapshot import Model
from pronghorn.store import Tx
from pronghorn.store.models import Group

DEFAULT = "default"


class Usable(NamedTuple):
    name: str
    factor_ppm: int
    description: str


async def usable(tx: Tx, caller: Caller | None) -> list[Usable]:
    name = DEFAULT if caller is None else caller.group
    rows = (await tx.execute(select(*Group.__table__.columns).where(Group.name == name))).all()
    return [_for_its_own(row) for row in rows] or [Usable(name, PPM, "")]


def _for_its_own(row: Any) -> Usable:
    """Some groups have another factor for accounts of certain groups, and so perhaps for those of their own."""
    factor_ppm = (row.account_factors or {}).get(row.name, row.factor_ppm)
    return Usable(row.name, factor_ppm, row.description)


def offered(snapshot: Snapshot, group: str) -> list[Model]:
    """What a live key of `group` can ask for: models that a channel serves, and the operator's own names for them."""
    served = [m for name, m in snapshot.models.items() if not m.is_retired and snapshot.tiers(name, group)]
    own = []
    for alias, route in snapshot.routes.aliases().items():
        model = next((snapshot.models[name] for name in route.models if name in snapshot.models), None)
        if alias not in snapshot.models and model is not None and snapshot.tiers(model.name, group):
            own.append(model.named(alias))
    return sorted([*served, *own], key=lambda model: model.name)


@get("/api/user/self/groups")
async def own_groups(desk: Shared, caller: Asking) -> Answer:
    async with desk.context.read() as tx:
        return Answer(_shown(await usable(tx, caller)))


@get("/api/user/groups")
async def public_groups(desk: Shared, visitor: Visiting) -> Answer:
    async with desk.context.read() as tx:
        return Answer(_shown(await usable(tx, visitor)))


@get(["/api/user/models", "/api/user/self/models"])
async def own_models(desk: Shared, caller: Asking, filters: Wanted) -> Answer:
    """Of a group that is not his a user sees nothing."""
    if filters.text("group") not in ("", caller.group):
        return Answer([])
    return Answer([model.name for model in offered(desk.context.loader.snapshot, caller.group)])


def _shown(found: list[Usable]) -> dict[str, Any]:
    return {
        group.name: {"ratio": ratio(group.factor_ppm, PPM), "desc": group.description or group.name}
        for group in found
    }


handlers = [own_groups, public_groups, own_models]
