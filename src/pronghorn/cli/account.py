"""`pronghorn account`: who pays."""

from typing import Annotated, Any

import typer

from pronghorn.cli import given, limits
from pronghorn.cli.command import Disabled, command, group
from pronghorn.cli.installation import Installation
from pronghorn.commerce.welcome import welcome_by_operator
from pronghorn.errors import NoCredit
from pronghorn.manage.fields import Mode
from pronghorn.manage.paging import Page, Window
from pronghorn.manage.services import accounts, entries, invitations
from pronghorn.manage.services.accounts import Account, AccountChange, Adjustment, NewAccount
from pronghorn.manage.services.entries import Entry
from pronghorn.manage.services.invitations import Invitations

app = group("Accounts: who pays.")

TestMode = Annotated[bool, typer.Option("--test", help="The test money instead of the live money.")]


def _mode(is_test: bool) -> Mode:
    return "test" if is_test else "live"


@command(app, "create")
async def create(
    on: Installation,
    name: str,
    group: Annotated[str, typer.Option(help="Its group.")] = "default",
    rpm: limits.Rpm = None,
    tpm: limits.Tpm = None,
    concurrency: limits.Concurrency = None,
    body_bytes: limits.BodyBytes = None,
) -> Account:
    """Open an account, with 1,000 USD of test money."""
    new = given.new(
        NewAccount,
        name=name,
        group=group,
        rpm=rpm,
        tpm=tpm,
        concurrency=concurrency,
        body_bytes=body_bytes,
    )
    async with on.change() as tx:
        account_id = await accounts.create(tx, on.act, new)
        await welcome_by_operator(tx, on.settings, account_id, on.act.now_ms)
    return await _one(on, account_id, "live")


@command(app, "list", "id", "name", "group", "balance_usd", "spent_usd", "disabled")
async def list_(on: Installation, part: Window, test: TestMode = False) -> Page[Account]:
    """List accounts, newest first."""
    async with on.read() as tx:
        page = await accounts.page(tx, part)
    return Page(await _views(on, page.items, _mode(test)), page.next)


@command(app, "show")
async def show(on: Installation, account_id: str, test: TestMode = False) -> Account:
    """Show an account and the credit that servers have leased."""
    account = await _one(on, account_id, _mode(test))
    async with on.read() as tx:
        account.leases = await accounts.leases(tx, account_id, _mode(test))
    return account


@command(app, "change")
async def change(
    on: Installation,
    account_id: str,
    name: str | None = None,
    group: str | None = None,
    disabled: Disabled = None,
) -> Account:
    """Change an account; `limit` changes its limits."""
    patch = given.change(AccountChange, name=name, group=group, disabled=disabled)
    return await _change(on, account_id, patch)


@command(app, "limit")
async def limit(
    on: Installation,
    account_id: str,
    rpm: limits.NewRpm = None,
    tpm: limits.NewTpm = None,
    concurrency: limits.NewConcurrency = None,
    body_bytes: limits.NewBodyBytes = None,
) -> Account:
    """Change limits of an account: all its keys together."""
    patch = given.change(AccountChange, rpm=rpm, tpm=tpm, concurrency=concurrency, body_bytes=body_bytes)
    return await _change(on, account_id, patch)


async def _change(on: Installation, account_id: str, patch: AccountChange) -> Account:
    async with on.change() as tx:
        await accounts.change(tx, on.act, account_id, patch)
    return await _one(on, account_id, "live")


@command(app, "adjust", context_settings={"ignore_unknown_options": True})
async def adjust(
    on: Installation,
    account_id: str,
    amount_usd: Annotated[str, typer.Argument(help="Such as 5.00; negative takes out.")],
    note: str = "",
    reference: Annotated[
        str | None, typer.Option(help="Your own name for it: typed again with the same one, it pays once.")
    ] = None,
    test: TestMode = False,
) -> Account:
    """Pay money in, or take it out."""
    adjustment = given.new(
        Adjustment, amount_usd=amount_usd, note=note, mode=_mode(test), reference=reference
    )
    try:
        async with on.change() as tx:
            await accounts.adjust(tx, on.act, account_id, adjustment)
    except NoCredit as error:
        raise NoCredit(
            f"{error.message}. What running servers hold they give back when it is idle for a while; "
            f"POST /manage/v1/accounts/{account_id}/adjust calls it back at once"
        ) from error
    return await _one(on, account_id, _mode(test))


@command(app, "entries", "id", "created_at", "kind", "debit", "credit", "amount_usd", "reference", "note")
async def entries_(
    on: Installation,
    part: Window,
    account_id: Annotated[str | None, typer.Argument(help="Without it, of all accounts.")] = None,
    kind: Annotated[str | None, typer.Option(help="Such as charge or deposit.")] = None,
    test: TestMode = False,
) -> Page[Entry]:
    """List ledger entries, newest first."""
    async with on.read() as tx:
        return await entries.page(tx, part, account_id, _mode(test), kind)


@command(app, "invitations")
async def show_invitations(on: Installation, account_id: str) -> Invitations:
    """Show the account's invite code and what its invitations brought."""
    async with on.change() as tx:
        return await invitations.get(tx, account_id, on.act.now_ms)


async def _one(on: Installation, account_id: str, mode: Mode) -> Account:
    async with on.read() as tx:
        row = await accounts.get(tx, account_id)
    return (await _views(on, [row], mode))[0]


async def _views(on: Installation, rows: list[Any], mode: Mode) -> list[Account]:
    standings = await on.credit.standing([row.id for row in rows], mode)
    return [accounts.view(row, mode, standings[row.id]) for row in rows]
