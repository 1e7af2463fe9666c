"""The Gemini dialect, verb by verb, under Google AI Studio's addresses and Vertex AI's."""

from aiohttp import web

from pronghorn.sandbox.errors import Handler, SandboxError
from pronghorn.sandbox.gemini import access_token, embeddings, generate, models
from pronghorn.sandbox.gemini.dialect import dialect, is_vertex

__all__ = ["dialect", "routes"]

_VERBS: dict[str, Handler] = {
    "generateContent": generate.generate,
    "streamGenerateContent": generate.generate,
    "countTokens": generate.count_tokens,
    "embedContent": embeddings.embed_one,
    "batchEmbedContents": embeddings.embed_batch,
}
_VERB = r"{model:[^/]+?}{colon::|%3A|%3a}{verb:\w+}"
_PUBLISHER = "publishers/google/models"
_PLACES = (
    "/{version:v1|v1beta}/{kind:models|tunedModels}/",
    "/{version:v1|v1beta1}/projects/{project}/locations/{location}/" + _PUBLISHER + "/",
    "/{version:v1|v1beta1}/" + _PUBLISHER + "/",
)


async def _act(request: web.Request) -> web.StreamResponse:
    verb, model = request.match_info["verb"], request.match_info["model"]
    if verb not in _VERBS or (is_vertex(request) and "embed" in verb.lower()):
        raise SandboxError(
            f"models/{model} is not found for API version v1beta, or is not supported for {verb}. Call ListModels "
            "to see the list of available models and their supported methods.",
            status=404,
        )
    try:
        return await _VERBS[verb](request)
    except RecursionError as error:
        raise SandboxError("Message too deep. Max recursion depth reached.") from error


routes: list[web.RouteDef] = [
    *models.routes,
    *access_token.routes,
    *(web.post(f"{place}{_VERB}", _act) for place in _PLACES),
]
