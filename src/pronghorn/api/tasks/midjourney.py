"""`/mj`: Midjourney as clients of its proxies ask gateways for it, and the same once more for each speed."""

from functools import partial
from typing import Any

from pronghorn.api.tasks import midjourney_answers as answers
from pronghorn.api.tasks import midjourney_press as press
from pronghorn.api.tasks import midjourney_reading as reading
from pronghorn.api.tasks import midjourney_submit as submit
from pronghorn.api.tasks.door import Answer, Asked, Handler, Routes, look_up
from pronghorn.convert.errors import Rendered
from pronghorn.errors import PronghornError

REQUEST_ID = b"x-oneapi-request-id"
ROUTES: Routes = {
    ("POST", "/submit/imagine"): submit.imagine,
    ("POST", "/submit/blend"): submit.blend,
    ("POST", "/submit/describe"): submit.describe,
    ("POST", "/submit/shorten"): submit.shorten,
    ("POST", "/submit/edits"): submit.edits,
    ("POST", "/submit/edit"): submit.edits,
    ("POST", "/submit/video"): submit.video,
    ("POST", "/submit/upload-discord-images"): submit.upload,
    ("POST", "/insight-face/swap"): submit.swap_face,
    ("POST", "/submit/action"): press.act,
    ("POST", "/submit/change"): press.change,
    ("POST", "/submit/simple-change"): press.simple_change,
    ("POST", "/submit/modal"): press.answer_dialog,
    ("POST", "/task/{}/cancel"): press.cancel,
    ("GET", "/task/{}/image-seed"): press.seed,
    ("GET", "/task/{}/fetch"): reading.fetch_one,
    ("POST", "/task/list-by-condition"): reading.fetch_many,
    ("POST", "/task/list-by-ids"): reading.fetch_many,
    ("GET", "/task/list"): reading.list_newest,
    ("POST", "/task/query"): reading.query,
    ("GET", "/task/queue"): reading.queue,
    ("GET", "/image/{}"): reading.image,
}


class MidjourneyDoor:
    def __init__(self, speed: str, *prefixes: str) -> None:
        """`speed`: of all that is asked below these prefixes; empty: the request says it."""
        self.speed = speed
        self.prefixes = prefixes

    def handler(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
        """What is taken from the path begins with the speed."""
        act, taken = look_up(ROUTES, method, path.rstrip("/") or "/")
        return partial(_named, act), (self.speed, *taken)

    def refusal(self, error: PronghornError, request_id: str) -> Rendered:
        rendered = answers.refusal(error, request_id)
        return rendered._replace(headers=[*rendered.headers, (REQUEST_ID, request_id.encode())])


async def _named(act: Any, asked: Asked, *taken: str) -> Answer:
    """With the request's id where clients of this protocol look for it."""
    answer: Answer = await act(asked, *taken)
    return answer._replace(headers=[*answer.headers, (REQUEST_ID, asked.incoming.id.encode())])


door = MidjourneyDoor("", "/mj")
