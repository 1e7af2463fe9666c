"""The OpenAI dialect, endpoint by endpoint."""

from aiohttp import web

from pronghorn.sandbox.openai import (
    chat,
    completions,
    embeddings,
    images,
    models,
    moderations,
    realtime,
    rerank,
    responses,
    speech,
    transcription,
)

_MODULES = (
    chat,
    completions,
    embeddings,
    images,
    models,
    moderations,
    realtime,
    rerank,
    responses,
    speech,
    transcription,
)

routes: list[web.RouteDef] = [route for module in _MODULES for route in module.routes]
dialect = realtime.dialect
"""Of the one path whose key may stand elsewhere; on all others keys and errors are OpenAI's anyway."""
