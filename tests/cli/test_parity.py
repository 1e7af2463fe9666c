"""The command line does what the management API does: each operation has its commands, each field its option."""

import importlib
from typing import Any, cast

import pytest
import typer

from pronghorn.cli import COMMANDS
from pronghorn.manage import ManageContext, openapi
from pronghorn.manage.app import create_app

DONE_BY = {
    "createAccount": ["account create"],
    "listAccounts": ["account list"],
    "getAccount": ["account show"],
    "changeAccount": ["account change", "account limit"],
    "adjustAccount": ["account adjust"],
    "auditLedger": ["ledger audit"],
    "listEntries": ["account entries"],
    "getInvitations": ["account invitations"],
    "createCodeBatch": ["code create"],
    "listCodeBatches": ["code batches"],
    "getCodeBatch": ["code show"],
    "changeCodeBatch": ["code disable-batch"],
    "listCodes": ["code list"],
    "changeCode": ["code disable"],
    "redeemCode": ["code redeem"],
    "putMember": ["member add"],
    "listMembers": ["member list"],
    "deleteMember": ["member remove"],
    "createKey": ["key create"],
    "listKeys": ["key list"],
    "getKey": ["key show"],
    "changeKey": ["key change", "key limit"],
    "revokeKey": ["key revoke"],
    "createBudget": ["budget create"],
    "listBudgets": ["budget list"],
    "getBudget": ["budget show"],
    "changeBudget": ["budget change"],
    "deleteBudget": ["budget delete"],
    "createChannel": ["channel create"],
    "listChannels": ["channel list"],
    "getChannel": ["channel show"],
    "changeChannel": ["channel change", "channel limit"],
    "deleteChannel": ["channel delete"],
    "testChannel": ["channel test"],
    "resetChannel": ["channel reset"],
    "listModels": ["model list"],
    "getModel": ["model show"],
    "putModel": ["model set"],
    "changeModel": ["model change"],
    "listPrices": ["price list"],
    "getPrice": ["price show"],
    "putPrice": ["price set"],
    "deletePrice": ["price delete"],
    "getMarkup": ["price markups"],
    "changeMarkup": ["price markup"],
    "listRoutes": ["route list"],
    "getRoute": ["route show"],
    "putRoute": ["route set"],
    "deleteRoute": ["route delete"],
    "createGroup": ["group create"],
    "listGroups": ["group list"],
    "getGroup": ["group show"],
    "changeGroup": ["group change", "group limit"],
    "deleteGroup": ["group delete"],
    "createUser": ["user create"],
    "listUsers": ["user list"],
    "getUser": ["user show"],
    "changeUser": ["user change", "user password"],
    "deleteUser": ["user delete"],
    "createToken": ["token create"],
    "listTokens": ["token list"],
    "deleteToken": ["token revoke"],
    "createOrder": ["order create"],
    "listOrders": ["order list"],
    "getOrder": ["order show"],
    "createPlan": ["plan create"],
    "listPlans": ["plan list"],
    "getPlan": ["plan show"],
    "changePlan": ["plan change"],
    "deletePlan": ["plan delete"],
    "createSubscription": ["subscription create"],
    "listSubscriptions": ["subscription list"],
    "getSubscription": ["subscription show"],
    "cancelSubscription": ["subscription cancel"],
    "putNotice": ["notice set"],
    "getNotice": ["notice show"],
    "deleteNotice": ["notice delete"],
    "listDeliveries": ["notice deliveries"],
    "getDelivery": ["notice delivery"],
    "replayDelivery": ["notice replay"],
    "getUsage": ["usage"],
    "getStatement": ["statement"],
    "exportRequests": ["export requests"],
    "exportEntries": ["export entries"],
    "exportUsage": ["export usage"],
    "listRequests": ["request list"],
    "getRequest": ["request show"],
    "listTasks": ["task list"],
    "getTask": ["task show"],
    "cancelTask": ["task cancel"],
    "refundTask": ["task refund"],
    "listAudit": ["audit list"],
}
PROCESSES = {"up", "serve", "worker", "sandbox", "migrate", "doctor"}
"""Words that are no nouns of the API: they start and look after the processes that answer it."""

SPELLED = {
    "from": "from_",
    "emails": "email",
    "events": "event",
    "account_id": "account",
    "user_id": "email",
    "models": "model",
    "ips": "ip",
    "groups": "group",
    "capabilities": "capability",
    "tiers": "tier",
    "vendors": "vendor",
    "credentials": "credentials_stdin",
    "per_call_usd": "per_call",
    "per_second_usd": "per_second",
    "per_image_usd": "per_image",
    "mode": "test",
}
"""Fields whose option has another name: what may be repeated is named in the singular."""
NO_OPTION = {
    ("cancelSubscription", "when"): "--now, or at the end of the period",
    ("putNotice", "webhook_secret"): "--webhook-secret-stdin: others can read a command line",
    ("getAccount", "detail"): "leases are always shown",
    ("createUser", "role"): "--admin",
    ("changeCodeBatch", "disabled"): "the command's own word, and --undo",
    ("changeCode", "disabled"): "the command's own word, and --undo",
    ("createUser", "password"): "--password-stdin: others can read a command line",
    ("changeUser", "password"): "`user password` reads it from standard input, --no-password takes it away",
    ("putRoute", "fallbacks"): "an option for each cause: --context, --filter, --unavailable",
}

DOCUMENT = openapi.document(create_app(cast(ManageContext, None)))
OPERATIONS: dict[str, Any] = {
    operation["operationId"]: operation for item in DOCUMENT["paths"].values() for operation in item.values()
}


def _commands() -> dict[str, set[str]]:
    """`account create` and so on, with the names of what can be typed."""
    found = {}
    for word in COMMANDS.keys() - PROCESSES:
        group: Any = typer.main.get_command(importlib.import_module(COMMANDS[word][0]).app)
        # A word that is a command itself has no verbs.
        for verb, command in getattr(group, "commands", {"": group}).items():
            found[f"{word} {verb}".strip()] = {str(parameter.name) for parameter in command.params}
    return found


TYPED = _commands()


def _fields(operation: dict[str, Any]) -> set[str]:
    """Of the query and of the body."""
    named = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
    if "requestBody" not in operation:
        return named
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    schema = DOCUMENT["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    return named | set(schema["properties"])


def _option(field: str) -> str:
    return SPELLED.get(field, field.removesuffix("_usd_per_million"))


def test_every_operation_has_a_command_and_every_command_an_operation() -> None:
    assert DONE_BY.keys() == OPERATIONS.keys()
    assert sorted(name for names in DONE_BY.values() for name in names) == sorted(TYPED)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_field_of_an_operation_has_an_option(operation: str) -> None:
    typed = set().union(*(TYPED[name] for name in DONE_BY[operation]))
    without = {
        field
        for field in _fields(OPERATIONS[operation])
        if field not in typed and _option(field) not in typed
    }
    assert without == {field for name, field in NO_OPTION if name == operation}


def test_a_field_that_is_new_would_be_missed() -> None:
    """The comparison itself: it sees queries and bodies."""
    assert _fields(OPERATIONS["listEntries"]) == {
        *("account_id", "kind", "mode", "cursor", "limit", "since", "until")
    }
    assert _fields(OPERATIONS["adjustAccount"]) == {"amount_usd", "note", "mode", "reference"}
