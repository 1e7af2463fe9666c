"""Plans and subscriptions."""

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import plans, subscriptions
from pronghorn.manage.services.plans import NewPlan, Plan, PlanChange
from pronghorn.manage.services.subscriptions import Cancellation, NewSubscription, Status, Subscription

_TAGS = ["plans"]


@post("/plans", operation_id="createPlan", summary="Make a plan", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewPlan]) -> Plan:
    async with context.change() as tx:
        return await plans.create(tx, act, data)


@get("/plans", operation_id="listPlans", summary="List plans", tags=_TAGS)
async def list_(context: Context, part: Part) -> Page[Plan]:
    async with context.read() as tx:
        return await plans.page(tx, part)


@get("/plans/{name:str}", operation_id="getPlan", summary="Show a plan", tags=_TAGS)
async def show(context: Context, name: FromPath[str]) -> Plan:
    async with context.read() as tx:
        return await plans.get(tx, name)


@patch("/plans/{name:str}", operation_id="changePlan", summary="Change a plan", tags=_TAGS)
async def change(context: Context, act: Actor, name: FromPath[str], data: JSONBody[PlanChange]) -> Plan:
    async with context.change() as tx:
        return await plans.change(tx, act, name, data)


@delete("/plans/{name:str}", operation_id="deletePlan", summary="Remove a plan nobody ever had", tags=_TAGS)
async def remove(context: Context, act: Actor, name: FromPath[str]) -> None:
    async with context.change() as tx:
        await plans.remove(tx, act, name)


@post("/subscriptions", operation_id="createSubscription", summary="Subscribe an account", tags=_TAGS)
async def subscribe(context: Context, act: Actor, data: JSONBody[NewSubscription]) -> Subscription:
    async with context.change() as tx:
        return await subscriptions.create(tx, act, data)


@get("/subscriptions", operation_id="listSubscriptions", summary="List subscriptions", tags=_TAGS)
async def list_subscriptions(
    context: Context,
    part: Part,
    account_id: FromQuery[str | None] = None,
    plan: FromQuery[str | None] = None,
    status: FromQuery[Status | None] = None,
) -> Page[Subscription]:
    async with context.read() as tx:
        return await subscriptions.page(tx, part, account_id, plan, status)


@get(
    "/subscriptions/{subscription_id:str}",
    operation_id="getSubscription",
    summary="Show a subscription",
    tags=_TAGS,
)
async def show_subscription(context: Context, subscription_id: FromPath[str]) -> Subscription:
    async with context.read() as tx:
        return await subscriptions.get(tx, subscription_id)


@post(
    "/subscriptions/{subscription_id:str}/cancel",
    operation_id="cancelSubscription",
    summary="Cancel a subscription, after this period or now",
    tags=_TAGS,
    status_code=200,
)
async def cancel(
    context: Context, act: Actor, subscription_id: FromPath[str], data: JSONBody[Cancellation]
) -> Subscription:
    async with context.change() as tx:
        return await subscriptions.cancel(tx, act, subscription_id, data.when)


handlers = [
    *(create, list_, show, change, remove),
    *(subscribe, list_subscriptions, show_subscription, cancel),
]
