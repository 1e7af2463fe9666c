"""Invitations of an account."""

from litestar import get
from litestar.params import FromPath

from pronghorn.manage.routes.given import Context
from pronghorn.manage.services import invitations
from pronghorn.manage.services.invitations import Invitations


@get(
    "/accounts/{account_id:str}/invitations",
    operation_id="getInvitations",
    summary="Show an account's invite code and what its invitations brought",
    tags=["accounts"],
)
async def show(context: Context, account_id: FromPath[str]) -> Invitations:
    async with context.change() as tx:
        return await invitations.get(tx, account_id, context.now_ms)


handlers = [show]
