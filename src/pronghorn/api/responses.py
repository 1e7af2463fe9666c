"""What can be asked of a stored response: to see it, to delete it, to cancel it, to list what went in."""

import re
from urllib.parse import parse_qs

from pronghorn.api.reply import Reply, Scope
from pronghorn.errors import MethodNotAllowed, NotFound
from pronghorn.relay import Responses
from pronghorn.routing import Grant

_ROUTE = re.compile(r"/v1/responses/([^/]{1,200})(?:/(cancel|input_items))?")
_METHODS = {None: ("GET", "HEAD", "DELETE"), "cancel": ("POST",), "input_items": ("GET", "HEAD")}


async def serve(scope: Scope, reply: Reply, responses: Responses, grant: Grant, path: str) -> None:
    found = _ROUTE.fullmatch(path)
    if found is None:
        raise NotFound(f"Invalid URL ({scope['method']} {path[:200]}): there is no such route")
    response_id, what, method = found[1], found[2], scope["method"]
    if method not in _METHODS[what]:
        raise MethodNotAllowed(path, method, *_METHODS[what], "OPTIONS")
    query = parse_qs(scope["query_string"].decode("latin-1"))
    if what == "cancel":
        await responses.cancel(grant, response_id, reply)
    elif what == "input_items":
        await responses.input_items(grant, response_id, query, reply)
    elif method == "DELETE":
        await responses.delete(grant, response_id, reply)
    else:
        await responses.get(grant, response_id, query, reply)
