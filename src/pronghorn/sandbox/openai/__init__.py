"""The OpenAI dialect, endpoint by endpoint."""

from aiohttp import web

from pronghorn.sandbox.openai import (
    chat,
    completions,
    embeddings,
    images,
    models,
    moderations,
    rerank,
    speech,
    transcription,
)

_MODULES = (chat, completions, embeddings, images, models, moderations, rerank, speech, transcription)

routes: list[web.RouteDef] = [route for module in _MODULES for route in module.routes]
