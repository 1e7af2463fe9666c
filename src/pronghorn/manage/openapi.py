"""The OpenAPI document of the management API, made out of the handlers' types."""

import re
from typing import Any

import msgspec
from litestar import Litestar, Request, get
from litestar.enums import OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from pronghorn import __version__
from pronghorn.manage.problems import Problem

EXAMPLES: dict[str, dict[str, Any]] = {
    "createAccount": {"name": "Team A", "group": "default"},
    "changeAccount": {"group": "default", "rpm": 600, "tpm": None},
    "adjustAccount": {"amount_usd": "5.00", "note": "invoice 17", "reference": "invoice-17"},
    "putMember": {"user_id": "usr_4fGh1Jk2Lm3Np4Qr", "role": "admin"},
    "createKey": {
        "account_id": "acc_4fGh1Jk2Lm3Np4Qr",
        "name": "laptop",
        "mode": "live",
        "models": ["gpt-4o-mini", "claude-*"],
        "ips": ["203.0.113.0/24"],
        "budget_usd": "20.00",
        "rpm": 60,
        "expires_at": "2030-01-31T12:00:00Z",
    },
    "changeKey": {"budget_usd": None, "disabled": True},
    "createBudget": {
        "scope": "account",
        "subject": "acc_4fGh1Jk2Lm3Np4Qr",
        "amount_usd": "200.00",
        "period": "month",
        "time_zone": "Asia/Shanghai",
    },
    "changeBudget": {"amount_usd": "300.00"},
    "createChannel": {
        "name": "OpenAI main",
        "vendor": "openai",
        "base_url": "https://api.openai.com/v1",
        "credentials": ["sk-proj-..."],
        "models": {"gpt-4o-mini": "gpt-4o-mini-2024-07-18"},
    },
    "changeChannel": {"priority": 10, "weight": 3, "cost": "0.9", "concurrency": 50},
    "testChannel": {"model": "gpt-4o-mini", "credential": 0},
    "putModel": {"vendor": "openai", "display_name": "My model", "capabilities": ["chat"]},
    "changeModel": {"retired": True},
    "putPrice": {"input_usd_per_million": "0.15", "output_usd_per_million": "0.60"},
    "changeMarkup": {"factor": "1.2", "vendors": {"openai": "1.1", "groq": None}},
    "putRoute": {
        "models": ["gpt-4o-mini", "claude-haiku-4-5"],
        "policy": "latency",
        "fallbacks": {"context_too_long": ["gemini-2.5-flash"], "unavailable": ["gemini-2.5-flash"]},
    },
    "createGroup": {
        "name": "partners",
        "factor": "0.85",
        "account_factors": {"default": "0.95"},
        "description": "15 % off",
    },
    "changeGroup": {"factor": "0.9", "concurrency": 20, "body_bytes": 100_000_000},
    "createPlan": {"name": "team", "allowance_usd": "50.00", "period": "month", "price_usd": "40.00"},
    "changePlan": {"allowance_usd": "60.00", "active": True},
    "createSubscription": {
        "account_id": "acc_4fGh1Jk2Lm3Np4Qr",
        "plan": "team",
        "time_zone": "Asia/Shanghai",
    },
    "cancelSubscription": {"when": "period_end"},
    "putNotice": {
        "threshold_usd": "5.00",
        "emails": ["ann@example.com"],
        "webhook_url": "https://hooks.example.com/balance",
        "events": ["balance.low", "task.*"],
        "language": "en",
    },
    "refundTask": {"note": "the song was silent"},
    "createUser": {"email": "ann@example.com", "name": "Ann", "role": "user"},
    "changeUser": {"disabled": True},
    "createToken": {"name": "deploy script"},
    "createOrder": {"account_id": "acc_4fGh1Jk2Lm3Np4Qr", "amount_usd": "20.00", "provider": "stripe"},
    "createCodeBatch": {
        "name": "Spring cards",
        "amount_usd": "10.00",
        "count": 100,
        "expires_at": "2030-01-31T12:00:00Z",
    },
    "changeCodeBatch": {"disabled": True},
    "changeCode": {"disabled": True},
    "redeemCode": {"code": "PH-XXXX-XXXX-XXXX-XXXX", "account_id": "acc_4fGh1Jk2Lm3Np4Qr"},
}

DESCRIPTION = (
    "Money is a decimal string in US dollars, times are ISO 8601 in UTC. Lists answer `items`, newest first, and "
    "`next`: the cursor of the following page, or null. Errors answer `error` with `message`, `code` and `param`."
)
_EXPORT = ("text/csv", "application/vnd.apache.parquet")
FILES: dict[str, tuple[str, ...]] = {
    "getStatement": ("application/json", "text/html", "application/pdf"),
    "exportRequests": _EXPORT,
    "exportEntries": _EXPORT,
    "exportUsage": _EXPORT,
}
"""What operations answer that answer with files, in any of these forms."""
_ERRORS = {
    "400": "The request is wrong; `param` names the field.",
    "401": "No valid admin token.",
    "402": "Less than that is free.",
    "404": "There is nothing here.",
    "409": "It clashes with what is there.",
    "503": "The database does not answer.",
}
_SCHEMAS = "#/components/schemas/"
_PAGE_NAME = re.compile(rb"Page_[\w.]+\.(\w+?)_(?=\")")
"""Litestar's name for a page of something holds the path of our module."""


@get(
    "/manage/openapi.json",
    media_type=OpenAPIMediaType.OPENAPI_JSON,
    include_in_schema=False,
    sync_to_thread=False,
)
def serve(request: Request[Any, Any, Any]) -> bytes:
    return msgspec.json.encode(document(request.app))


def config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Pronghorn management API",
        version=__version__,
        description=DESCRIPTION,
        # Litestar's own pages, where nobody comes: it answers all that is unknown beside them in HTML.
        path="/openapi",
        render_plugins=[JsonRenderPlugin()],
        security=[{"adminToken": []}],
        components=Components(
            security_schemes={
                "adminToken": SecurityScheme(
                    type="http", scheme="bearer", description="An admin token, `pht-...`."
                )
            }
        ),
    )


def document(app: Litestar) -> dict[str, Any]:
    return complete(app.openapi_schema.to_schema())


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """Add what Litestar does not know: our errors, the examples, and that unknown fields are refused."""
    schema = msgspec.json.decode(_PAGE_NAME.sub(rb"\1Page", msgspec.json.encode(schema)))
    schemas = schema["components"]["schemas"]
    schemas |= msgspec.json.schema_components([Problem], ref_template=_SCHEMAS + "{name}")[1]
    problem = {"application/json": {"schema": {"$ref": _SCHEMAS + "Problem"}}}
    for item in schema["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["schema"] = {"type": "string"}  # Litestar calls the rest of a path a URI
            for status, text in _ERRORS.items():
                operation["responses"][status] = {"description": text, "content": problem}
            if operation["operationId"] in FILES:
                answer = operation["responses"]["200"]
                forms = {form: {"schema": {"type": "string"}} for form in FILES[operation["operationId"]]}
                known = {form: kind for form, kind in answer["content"].items() if form in forms}
                answer["content"] = forms | known
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                content["example"] = EXAMPLES[operation["operationId"]]
                schemas[content["schema"]["$ref"].removeprefix(_SCHEMAS)]["additionalProperties"] = False
    return schema
