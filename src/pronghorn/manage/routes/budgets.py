"""Budgets of keys, accounts and groups."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from pronghorn.ledger.budgets import Scope
from pronghorn.manage.context import ManageContext
from pronghorn.manage.paging import Page
from pronghorn.manage.routes.given import Actor, Context, Part
from pronghorn.manage.services import budgets
from pronghorn.manage.services.budgets import Budget, BudgetChange, NewBudget

_TAGS = ["budgets"]


@post("/budgets", operation_id="createBudget", summary="Set a budget", tags=_TAGS)
async def create(context: Context, act: Actor, data: JSONBody[NewBudget]) -> Budget:
    async with context.change() as tx:
        budget_id = await budgets.create(tx, act, data)
    return await _show(context, budget_id)


@get("/budgets", operation_id="listBudgets", summary="List budgets", tags=_TAGS)
async def list_(
    context: Context,
    part: Part,
    its_scope: Annotated[Scope | None, QueryParameter(name="scope")] = None,
    subject: FromQuery[str | None] = None,
) -> Page[Budget]:
    async with context.read() as tx:
        page = await budgets.page(tx, part, its_scope, subject)
    return Page(await _views(context, page.items), page.next)


@get("/budgets/{budget_id:str}", operation_id="getBudget", summary="Show a budget", tags=_TAGS)
async def show(context: Context, budget_id: FromPath[str]) -> Budget:
    return await _show(context, budget_id)


@patch("/budgets/{budget_id:str}", operation_id="changeBudget", summary="Change a budget", tags=_TAGS)
async def change(
    context: Context, act: Actor, budget_id: FromPath[str], data: JSONBody[BudgetChange]
) -> Budget:
    async with context.change() as tx:
        await budgets.change(tx, act, budget_id, data)
    return await _show(context, budget_id)


@delete("/budgets/{budget_id:str}", operation_id="deleteBudget", summary="Remove a budget", tags=_TAGS)
async def remove(context: Context, act: Actor, budget_id: FromPath[str]) -> None:
    async with context.change() as tx:
        await budgets.remove(tx, act, budget_id)


async def _show(context: ManageContext, budget_id: str) -> Budget:
    async with context.read() as tx:
        row = await budgets.get(tx, budget_id)
    return (await _views(context, [row]))[0]


async def _views(context: ManageContext, rows: Sequence[Any]) -> list[Budget]:
    return [await budgets.view(context.credit, row, context.clock.now()) for row in rows]


handlers = [create, list_, show, change, remove]
