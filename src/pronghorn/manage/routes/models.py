"""Models of the catalogue, each with its effective price."""

from litestar import get, patch, put
from litestar.params import FromQuery, JSONBody

from pronghorn.ledger.prices import PriceDocument
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part, PathName, name_of
from pronghorn.manage.services import models, prices
from pronghorn.manage.services.models import Model, ModelChange, OwnModel
from pronghorn.store import Tx

_TAGS = ["models"]


class PricedModel(Model):
    price: PriceDocument | None = None
    """The effective one; null if there is none."""


async def _priced(tx: Tx, found: list[Model]) -> list[PricedModel]:
    by_name = await prices.of(tx, [model.name for model in found])
    return [
        PricedModel(
            **{name: getattr(model, name) for name in Model.__struct_fields__},
            price=by_name[model.name].effective if model.name in by_name else None,
        )
        for model in found
    ]


@get("/models", operation_id="listModels", summary="List the catalogue", tags=_TAGS)
async def list_(
    context: Context, part: Part, vendor: FromQuery[str | None] = None, retired: FromQuery[bool | None] = None
) -> Page[PricedModel]:
    async with context.read() as tx:
        page = await models.page(tx, part, vendor, retired)
        return Page(await _priced(tx, page.items), page.next)


@get("/models/{model:path}", operation_id="getModel", summary="Show a model", tags=_TAGS)
async def show(context: Context, model: PathName) -> PricedModel:
    async with context.read() as tx:
        return (await _priced(tx, [await models.get(tx, name_of(model))]))[0]


@put(
    "/models/{model:path}", operation_id="putModel", summary="Make or replace a model of your own", tags=_TAGS
)
async def put_own(context: Context, act: Actor, model: PathName, data: JSONBody[OwnModel]) -> PricedModel:
    async with context.change() as tx:
        return (await _priced(tx, [await models.put(tx, act, name_of(model), data)]))[0]


@patch("/models/{model:path}", operation_id="changeModel", summary="Change or retire a model", tags=_TAGS)
async def change(context: Context, act: Actor, model: PathName, data: JSONBody[ModelChange]) -> PricedModel:
    async with context.change() as tx:
        return (await _priced(tx, [await models.change(tx, act, name_of(model), data)]))[0]


handlers = [list_, show, put_own, change]
