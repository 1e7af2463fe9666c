"""Names of members: those that a vendor might take for one of ours, and all that a callback's address may have."""

from typing import Any

import pytest

from pronghorn.api.tasks import spelling
from pronghorn.api.tasks.door import take_callback
from pronghorn.errors import BadRequest

READ = ("prompt", "taskId", "continue_clip_id")


@pytest.mark.parametrize(
    ("body", "odd", "right"),
    [
        ({"Prompt": "a"}, "Prompt", "prompt"),
        ({"prompt": "a", "PROMPT": "b"}, "PROMPT", "prompt"),
        ({"TaskId": "1"}, "TaskId", "taskId"),
        ({"task_id": "1"}, "task_id", "taskId"),
        ({"ta\N{LATIN SMALL LETTER LONG S}kId": "1"}, "ta\N{LATIN SMALL LETTER LONG S}kId", "taskId"),
        ({"continue_clip_ID": "1"}, "continue_clip_ID", "continue_clip_id"),
        ({"continueClipId": "1"}, "continueClipId", "continue_clip_id"),
        ({"NotifyHook": "http://10.0.0.1"}, "NotifyHook", "notify_hook"),
        ({"webhookUrl": "http://10.0.0.1"}, "webhookUrl", "webhook_url"),
        ({"Options": {"callback_url": "http://10.0.0.1"}}, "Options", "options"),
        ({"deep": [{"er": {"Prompt": "a"}}]}, "Prompt", "prompt"),
    ],
)
def test_a_name_that_is_almost_one_of_ours_is_refused(body: dict[str, Any], odd: str, right: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        spelling.check(body, READ)
    assert refusal.value.param == odd
    assert refusal.value.message == f"{odd}: write {right}, as it is called here"


def test_all_other_names_are_let_through() -> None:
    hooks = dict.fromkeys(spelling.HOOKS, "")
    spelling.check(
        {"prompt": "a", "taskId": "1", "prompts": 1, "Anything": {"New": [1]}, "options": hooks} | hooks, READ
    )


@pytest.mark.parametrize("name", spelling.HOOKS)
def test_a_callback_never_reaches_the_vendor(name: str) -> None:
    for body in ({name: " https://shop.example "}, {"options": {name: "https://shop.example"}}):
        assert take_callback(body) == "https://shop.example"
        assert body in ({}, {"options": {}})


def test_of_several_jobs_with_the_same_options_each_has_the_callback() -> None:
    body: dict[str, Any] = {"options": {"callback_url": "https://shop.example", "seed": 1}}
    for copy in (dict(body), dict(body)):
        assert take_callback(copy) == "https://shop.example"
        assert copy == {"options": {"seed": 1}}
