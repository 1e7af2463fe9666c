"""Models of the catalogue, each with its effective price."""

from litestar import get, patch, put
from litestar.params import FromQuery, JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part, PathName, name_of
from pronghorn.manage.services import models
from pronghorn.manage.services.models import Model, ModelChange, OwnModel

_TAGS = ["models"]


@get("/models", operation_id="listModels", summary="List the catalogue", tags=_TAGS)
async def list_(
    context: Context, part: Part, vendor: FromQuery[str | None] = None, retired: FromQuery[bool | None] = None
) -> Page[Model]:
    async with context.read() as tx:
        return await models.page(tx, part, vendor, retired)


@get("/models/{model:path}", operation_id="getModel", summary="Show a model", tags=_TAGS)
async def show(context: Context, model: PathName) -> Model:
    async with context.read() as tx:
        return await models.get(tx, name_of(model))


@put(
    "/models/{model:path}", operation_id="putModel", summary="Make or replace a model of your own", tags=_TAGS
)
async def put_own(context: Context, act: Actor, model: PathName, data: JSONBody[OwnModel]) -> Model:
    async with context.change() as tx:
        return await models.put(tx, act, name_of(model), data)


@patch("/models/{model:path}", operation_id="changeModel", summary="Change or retire a model", tags=_TAGS)
async def change(context: Context, act: Actor, model: PathName, data: JSONBody[ModelChange]) -> Model:
    async with context.change() as tx:
        return await models.change(tx, act, name_of(model), data)


handlers = [list_, show, put_own, change]
