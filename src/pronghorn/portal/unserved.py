"""Unserved: what clients of this API ask for and this gateway does not have, in the shape of having none."""

from litestar import get, post

from pronghorn.errors import BadRequest
from pronghorn.portal.answer import Answer
from pronghorn.portal.given import Asking, Wanted


@get(["/api/mj/self", "/api/task/self"])
async def tasks(caller: Asking, filters: Wanted) -> Answer:
    """They are listed by `GET /v1/tasks`, which takes a key of the account."""
    return filters.part().of([], 0)


@get("/api/user/checkin")
async def check_in(caller: Asking) -> Answer:
    stats = {"checked_in_today": False, "total_checkins": 0, "total_quota": 0, "checkin_count": 0}
    return Answer({"enabled": False, "stats": {**stats, "records": []}})


@post("/api/user/checkin", status_code=200)
async def no_check_in(caller: Asking) -> Answer:
    raise BadRequest("there is no daily check-in here")


handlers = [tasks, check_in, no_check_in]
