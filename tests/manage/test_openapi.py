"""The OpenAPI document as a judge: whatever is sent, the answer is one that the document has, and never a 5xx."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.parameters import ParameterLocation
from tests.process import Installation

from pronghorn.manage import ManageContext, openapi
from pronghorn.manage.app import create_app

schema = schemathesis.openapi.from_dict(openapi.document(create_app(cast(ManageContext, None))))
OPERATIONS: dict[str, Any] = {found.ok().label: found.ok() for found in schema.get_all_operations()}  # type: ignore[union-attr]
SEED = 20260528
MAX_EXAMPLES = 6

load_all_checks()
EXCLUDED = [
    CHECKS.get_one(name)
    for name in (
        "positive_data_acceptance",  # some rules a schema cannot say: that a group exists, that a time lies ahead
        "ignored_auth",  # it would leave out a header that the test itself sets; test_auth.py asks every route
        "unsupported_method",  # TRACE ends at the server's protocol, before any route
    )
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("openapi"), "--no-sandbox").start()
    yield installation
    installation.close()


@pytest.fixture(scope="module")
def there(installation: Installation) -> dict[str, str]:
    """Path parameters that lead to something."""
    manage = installation.manage
    account = manage("POST", "/accounts", {"name": "a"})["id"]
    manage("POST", "/groups", {"name": "g"})
    channel = {"name": "c", "vendor": "openai", "models": ["m"], "credentials": ["sk-x"]}
    channel["base_url"] = "http://127.0.0.1:9"  # it is tested, and must not be asked elsewhere
    made = manage("POST", "/channels", channel)
    manage("PUT", "/routes/g", {"models": ["m"]})
    batch = manage("POST", "/code-batches", {"name": "b", "amount_usd": "1.00"})
    manage("POST", "/plans", {"name": "g", "allowance_usd": "1.00"})
    budget = {"scope": "account", "subject": account, "amount_usd": "1.00", "period": "day"}
    return {
        "budget_id": manage("POST", "/budgets", budget)["id"],
        "subscription_id": manage("POST", "/subscriptions", {"account_id": account, "plan": "g"})["id"],
        "delivery_id": "msg_0000000000000000",
        "batch_id": batch["id"],
        "code_id": batch["codes"][0]["id"],
        "account_id": account,
        "user_id": manage("POST", "/users", {"email": "ann@example.com"})["id"],
        "key_id": manage("POST", "/keys", {"account_id": account, "name": "k", "mode": "live"})["id"],
        "channel_id": made["id"],
        "token_id": manage("POST", "/tokens", {"name": "t"})["id"],
        "request_id": "req_000000000000000000000000",
        "task_id": "00000000-0000-0000-0000-000000000000",
        "order_id": "ord_0000000000000000",
        "name": "g",
        "model": "m",
    }


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", OPERATIONS)
def test_answers_are_what_the_document_says(
    label: str, mode: GenerationMode, installation: Installation, there: dict[str, str]
) -> None:
    """What the document takes (`positive`) and what it does not; on paths that lead nowhere, and somewhere."""
    headers = {"authorization": f"Bearer {installation.first['admin_token']}"}

    @seed(SEED)
    @settings(max_examples=MAX_EXAMPLES, deadline=None, database=None, phases=(Phase.generate, Phase.shrink))
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        excluded = _excluded(case)
        case.call_and_validate(base_url=installation.base_url, headers=headers, excluded_checks=excluded)
        if case.path_parameters:
            case.path_parameters = {name: there[name] for name in case.path_parameters}
            case.call_and_validate(base_url=installation.base_url, headers=headers, excluded_checks=excluded)

    try:
        check()
    except BaseException as error:
        error.add_note(f"examples made with seed {SEED}")
        raise


def _excluded(case: Any) -> list[Any]:
    """Only a body can be of a wrong type: in a path, a query and a header everything is a text."""
    body = case.meta.components.get(ParameterLocation.BODY)
    is_wrong = body is not None and body.mode.is_negative
    return EXCLUDED if is_wrong else [*EXCLUDED, CHECKS.get_one("negative_data_rejection")]
