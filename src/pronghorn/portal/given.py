"""Given: what the frame hands to the handlers of the dashboard API, and the types by which they ask for it."""

from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

from pronghorn.portal import caller
from pronghorn.portal.answer import Query
from pronghorn.portal.caller import AnyRequest, Caller
from pronghorn.portal.desk import Desk

Asking = NamedDependency[SkipValidation[Caller]]
"""A handler that asks for `caller` is closed to who is not logged in."""
Visiting = NamedDependency[SkipValidation[Caller | None]]
Shared = NamedDependency[SkipValidation[Desk]]
Wanted = NamedDependency[SkipValidation[Query]]


async def _caller(request: AnyRequest) -> Caller:
    return await caller.caller(request)


async def _visitor(request: AnyRequest) -> Caller | None:
    return await caller.visitor(request)


async def _desk(request: AnyRequest) -> Desk:
    return caller.desk_of(request)


async def _query(request: AnyRequest) -> Query:
    return Query(request)


DEPENDENCIES = {
    "caller": Provide(_caller),
    "visitor": Provide(_visitor),
    "desk": Provide(_desk),
    "filters": Provide(_query),
}
