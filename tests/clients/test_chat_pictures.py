"""Pictures through chat: paid by the picture, and an apology under a status of success costs nothing."""

import openai
import pytest
from tests.process import Installation

MODEL = "gpt-4o-image"


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(("prompt", "cost"), [("a red house", "0.04"), ("refuse", "0.00")])
def test_a_picture_is_paid_for_and_an_apology_is_not(
    gateway: Installation, client: openai.OpenAI, prompt: str, cost: str, is_stream: bool
) -> None:
    gateway.manage("PUT", f"/prices/{MODEL}", {"per_call_usd": "0.04"})
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": prompt}], stream=is_stream
    )
    parsed = raw.parse()
    if isinstance(parsed, openai.Stream):
        said = "".join(chunk.choices[0].delta.content or "" for chunk in parsed if chunk.choices)
    else:
        said = parsed.choices[0].message.content or ""
    assert ("](http" in said) == (cost != "0.00")
    assert gateway.request_row(raw.headers["x-request-id"])["cost_usd"] == cost
