"""Codes that become balance, and their batches. The codes themselves are in the answer of `create` alone."""

from litestar import get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from pronghorn.commerce.codes import Status
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import codes
from pronghorn.manage.services.codes import (
    Code,
    CodeBatch,
    CodeBatchChange,
    CodeChange,
    CreatedCodeBatch,
    NewCodeBatch,
    Redeemed,
    Redemption,
)

_TAGS = ["codes"]


@post(
    "/code-batches",
    operation_id="createCodeBatch",
    summary="Make a batch of codes; they are shown this once",
    tags=_TAGS,
)
async def create(context: Context, act: Actor, data: JSONBody[NewCodeBatch]) -> CreatedCodeBatch:
    async with context.change() as tx:
        return await codes.create(tx, act, context.secrets, data)


@get("/code-batches", operation_id="listCodeBatches", summary="List batches of codes", tags=_TAGS)
async def list_batches(context: Context, part: Part) -> Page[CodeBatch]:
    async with context.read() as tx:
        return await codes.page_batches(tx, part)


@get("/code-batches/{batch_id:str}", operation_id="getCodeBatch", summary="Show a batch of codes", tags=_TAGS)
async def show_batch(context: Context, batch_id: FromPath[str]) -> CodeBatch:
    async with context.read() as tx:
        return await codes.get_batch(tx, batch_id)


@patch(
    "/code-batches/{batch_id:str}",
    operation_id="changeCodeBatch",
    summary="Disable all codes of a batch that are left, or enable them again",
    tags=_TAGS,
)
async def change_batch(
    context: Context, act: Actor, batch_id: FromPath[str], data: JSONBody[CodeBatchChange]
) -> CodeBatch:
    async with context.change() as tx:
        return await codes.change_batch(tx, act, batch_id, data)


@get("/codes", operation_id="listCodes", summary="List codes", tags=_TAGS)
async def list_(
    context: Context,
    part: Part,
    batch: FromQuery[str | None] = None,
    status: FromQuery[Status | None] = None,
) -> Page[Code]:
    async with context.read() as tx:
        return await codes.page(tx, part, batch, status, context.now_ms)


@patch(
    "/codes/{code_id:str}",
    operation_id="changeCode",
    summary="Disable a code, or enable it again",
    tags=_TAGS,
)
async def change(context: Context, act: Actor, code_id: FromPath[str], data: JSONBody[CodeChange]) -> Code:
    async with context.change() as tx:
        return await codes.change(tx, act, code_id, data)


@post(
    "/codes/redeem",
    operation_id="redeemCode",
    summary="Pay a code's amount into an account",
    tags=_TAGS,
    status_code=200,
)
async def redeem(context: Context, act: Actor, data: JSONBody[Redemption]) -> Redeemed:
    async with context.change() as tx:
        return await codes.redeem(tx, act, context.secrets, data)


handlers = [create, list_batches, show_batch, change_batch, list_, change, redeem]
