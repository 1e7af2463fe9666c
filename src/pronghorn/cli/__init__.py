"""The command line, one module per command or group of commands.

A module is imported only when its word is the one that was typed: `pronghorn up` must not wait for the libraries
of `pronghorn price`, nor `--help` for all of them. So this table says the word, the module and the help; the
module's `app` is a `typer.Typer`.
"""

import importlib
import sys

import typer

from pronghorn import __version__

COMMANDS = {
    "up": ("pronghorn.cli.up", "Start everything on this machine: server, worker and sandbox."),
    "serve": ("pronghorn.cli.serve", "Start the server alone."),
    "worker": ("pronghorn.cli.worker", "Start the worker alone."),
    "sandbox": ("pronghorn.cli.sandbox", "Start the sandbox alone: every vendor, simulated."),
    "migrate": ("pronghorn.cli.migrate", "Bring the database to this version."),
    "account": ("pronghorn.cli.account", "Accounts: who pays. Create, change, limit, adjust, list entries."),
    "member": ("pronghorn.cli.member", "Members: what users may do in an account."),
    "key": ("pronghorn.cli.key", "Keys that clients show. Create, change, limit, revoke."),
    "budget": ("pronghorn.cli.budget", "Budgets of keys, accounts and groups, by hour, day, week, month."),
    "channel": ("pronghorn.cli.channel", "Channels: vendors' accounts that serve models."),
    "model": ("pronghorn.cli.model", "The catalogue of models."),
    "route": ("pronghorn.cli.route", "Routes: what a model's name leads to."),
    "price": ("pronghorn.cli.price", "Prices of models."),
    "group": ("pronghorn.cli.group", "Groups: price factors and who may use which channels."),
    "code": ("pronghorn.cli.code", "Codes that become balance, once. Create, list, disable, redeem."),
    "user": ("pronghorn.cli.user", "Users: who logs in."),
    "token": ("pronghorn.cli.token", "Admin tokens for the management API."),
    "order": ("pronghorn.cli.order", "Orders: top-ups that are paid at a payment provider."),
    "plan": ("pronghorn.cli.plan", "Plans: what an account may spend in each period."),
    "subscription": ("pronghorn.cli.subscription", "Subscriptions: which account has which plan."),
    "notice": ("pronghorn.cli.notice", "Notices of a low balance, by e-mail and webhook."),
    "request": ("pronghorn.cli.request", "The usage log."),
    "task": ("pronghorn.cli.task", "Tasks: long jobs at media vendors. List, show, cancel, refund."),
    "usage": ("pronghorn.cli.usage", "Requests, tokens and costs by hour or day, and by what you like."),
    "statement": ("pronghorn.cli.statement", "Monthly statements of accounts, also as HTML and PDF."),
    "export": ("pronghorn.cli.export", "The usage log, ledger entries and usage as CSV or Parquet."),
    "audit": ("pronghorn.cli.audit", "Who changed what."),
    "ledger": ("pronghorn.cli.ledger", "The ledger, recounted."),
    "doctor": ("pronghorn.cli.doctor", "Look at everything, and say what is wrong and the way out."),
}


def main() -> None:
    """The entry point of `pronghorn`."""
    words = sys.argv[1:]
    if words and words[0] in COMMANDS:
        module = importlib.import_module(COMMANDS[words[0]][0])
        typer.main.get_command(module.app)(args=words[1:], prog_name=f"pronghorn {words[0]}")
    else:
        _index()(args=words, prog_name="pronghorn")


def _index() -> typer.Typer:
    """What is shown when no known word was typed: the list of all words."""
    index = typer.Typer(
        help="One base URL and one key for every AI model.", no_args_is_help=True, add_completion=False
    )

    @index.callback(invoke_without_command=True)
    def version(
        is_version: bool = typer.Option(False, "--version", help="Show the version and exit."),
    ) -> None:
        if is_version:
            typer.echo(f"pronghorn {__version__}")

    for word, (_, text) in COMMANDS.items():
        index.command(word, help=text)(_placeholder)
    return index


def _placeholder() -> None:
    """Never runs: `main` takes known words before."""
