"""Probe: one tiny real request to a channel with one credential, to see whether it answers. Nobody is charged for it.

A failure counts against health as it does in traffic. An operator's test heals at once; the watch's trial begins
slowly, as a caller's would.
"""

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog

from pronghorn.errors import BadRequest, CallerGone, PronghornError, UpstreamError, UpstreamRejected
from pronghorn.kit.clock import Clock
from pronghorn.kit.later import Later
from pronghorn.ledger.catalogue.capabilities import capabilities_of
from pronghorn.relay import ping, refusal
from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.ping import ASKED
from pronghorn.routing import Candidate, Channel, Loader
from pronghorn.routing.load import SANDBOX
from pronghorn.routing.plan import judge
from pronghorn.settings import Settings
from pronghorn.upstream import Client, Deadlines

if TYPE_CHECKING:
    from pronghorn.relay import access
else:
    access = Later("pronghorn.relay.access")

SANDBOX_MODEL = "gpt-4o-mini"
MOST_S = 30.0
"""A test ends by then, however patient the settings are with callers."""
AT_ONCE = 8
MAX_ANSWER_BYTES = 4 * 1024 * 1024
_STOPPED = CallerGone()

log = structlog.get_logger()


class CredentialTest(msgspec.Struct):
    """How a channel answered with one credential of its pool."""

    place: int
    """Of the credential in its pool, from 0."""
    ok: bool
    status: int | None
    """The vendor's; null where none came."""
    latency_ms: int
    model: str
    endpoint: str
    """What was asked of the vendor, such as `chat` or `messages`."""
    error: str | None = None


class Prober:
    """One for the process."""

    def __init__(self, client: Client, loader: Loader, settings: Settings, clock: Clock) -> None:
        self._client = client
        self._loader = loader
        self._clock = clock
        self._deadlines = Deadlines(
            connect=min(settings.connect_timeout_s, MOST_S),
            first_byte=min(settings.first_byte_timeout_s, MOST_S),
            idle=min(settings.idle_timeout_s, MOST_S),
            total=min(settings.total_timeout_s, MOST_S),
        )

    def channels(self) -> dict[str, Channel]:
        """Those that this server uses now, by their ids; the sandbox too, where there is one."""
        snapshot = self._loader.snapshot
        found = {channel.id: channel for channel in snapshot.channels}
        return found | ({SANDBOX: snapshot.sandbox["openai"]} if snapshot.sandbox else {})

    async def test(
        self, channel: Channel, model: str | None = None, place: int | None = None
    ) -> list[CredentialTest]:
        """Ask with each credential, or with the one at `place`. Raises `BadRequest` for what cannot be asked."""
        last = len(channel.candidates) - 1
        if place is not None and place > last:
            raise BadRequest(
                f"credential: this channel's pool has the places 0 to {last}", param="credential"
            )
        name, kind = self._choose(channel, model)
        chosen = channel.candidates if place is None else [channel.candidates[place]]
        turn = asyncio.Semaphore(AT_ONCE)

        async def ask(candidate: Candidate) -> CredentialTest:
            async with turn:
                return await self._ask(candidate, name, kind, heals=True)

        return list(await asyncio.gather(*map(ask, chosen)))

    async def watch_forever(self, every_s: float) -> None:
        """Ask what was closed and whose time is over, so that no caller's request has to be the trial."""
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(every_s)
                for candidate in self.due()[: AT_ONCE - len(running)]:
                    task = tasks.create_task(self._try(candidate))
                    running.add(task)
                    task.add_done_callback(running.discard)

    def due(self) -> list[Candidate]:
        now_s = self._clock.monotonic()
        return [found for channel in self._loader.snapshot.channels for found in _due(channel, now_s)]

    async def _try(self, candidate: Candidate) -> None:
        channel = candidate.channel
        try:
            name, kind = self._choose(channel, None)
            found = await self._ask(candidate, name, kind, heals=False)
            log.info("channel.probed", channel=channel.id, place=found.place, ok=found.ok, error=found.error)
        except BadRequest:
            pass  # nothing of it can be asked for little money: the next request is the trial
        except Exception as error:
            # One that goes wrong must not end the watch over the others.
            log.warning("channel.probe_failed", channel=channel.id, error=repr(error))

    def _choose(self, channel: Channel, model: str | None) -> tuple[str, str]:
        """A public name of one of its models, and what to ask it for. Raises `BadRequest`."""
        names = [SANDBOX_MODEL] if channel.id == SANDBOX else list(channel.models)
        if model is not None and model not in names:
            raise BadRequest(f"model: this channel serves {_some(names)}, not {model[:200]!r}", param="model")
        kinds = {name: self._kinds(channel, name) for name in ([model] if model else names)}
        for kind in ASKED:
            for name, known in kinds.items():
                if kind in known and channel.serves(kind):
                    return name, kind
        others = _some([name for name in names if any(map(channel.serves, self._kinds(channel, name)))])
        raise BadRequest(
            f"model: {_some(list(kinds))} cannot be tested: a test asks for {', '.join(ASKED)}, and for nothing "
            f"that costs more; " + (f"models that can be tested: {others}" if others else "no model can be"),
            param="model",
        )

    def _kinds(self, channel: Channel, name: str) -> list[str]:
        """An operator's own model has all capabilities, which says nothing: then its name has to."""
        model = self._loader.snapshot.models.get(name)
        found = frozenset(ASKED) if model is None else model.capabilities
        if found >= {"chat", "embeddings"}:
            found = frozenset(capabilities_of(channel.models.get(name, name)))
        return [kind for kind in ASKED if kind in found]

    async def _ask(self, candidate: Candidate, name: str, kind: str, *, heals: bool) -> CredentialTest:
        channel = candidate.channel
        found = CredentialTest(candidate.place, False, None, 0, name, kind)
        outcome: PronghornError | None = _STOPPED
        begun_s = self._clock.monotonic()
        candidate.begin(begun_s)
        try:
            await self._answer(candidate, found, kind)
            outcome, found.ok = None, True
        except UpstreamError as error:
            outcome = error
            found.error = found.error or error.message
        finally:
            now_s = self._clock.monotonic()
            found.latency_ms = round((now_s - begun_s) * 1000)
            if channel.id == SANDBOX:
                candidate.leave()
            elif outcome is None and heals:
                candidate.leave()
                candidate.pool.reset()
                candidate.credential.reset()
            else:
                judge(candidate, outcome, now_s)
        return found

    async def _answer(self, candidate: Candidate, found: CredentialTest, kind: str) -> None:
        """Raises an `UpstreamError` for what is no answer. Some models speak Responses alone and refuse a chat."""
        first = candidate.channel.target(kind)
        assert first is not None
        found.endpoint = first
        try:
            await self._exchange(candidate, found)
        except UpstreamRejected:
            if first != "chat" or "responses" not in candidate.channel.vendor.paths:
                raise
            found.endpoint = "responses"
            found.error = None
            await self._exchange(candidate, found)

    async def _exchange(self, candidate: Candidate, found: CredentialTest) -> None:
        channel = candidate.channel
        token = None
        if channel.vendor.token is not None:
            # A token of its own, not one that was bought before: it is the credential that is tested.
            token = await access.Access().token(channel.vendor.token, channel.credential(candidate.place))
        asked = ping.Asked(found.endpoint, channel.models.get(found.model, found.model))
        call = ping.call(candidate, asked, self._clock.now(), token)
        answer = await self._client.send(call, self._deadlines, whole=True, limit=MAX_ANSWER_BYTES)
        found.status = answer.status
        try:
            body = await answer.whole()
        finally:
            answer.release()
        if 200 <= answer.status < 300:
            BY_NAME[found.endpoint].read(body, answer.header(b"content-type"))
            return
        error = refusal.read(answer, body, channel)
        found.error = ping.said(error, body, candidate, token)
        raise error


def _due(channel: Channel, now_s: float) -> list[Candidate]:
    """Of a channel that is closed as a whole, one: its success opens the way to the others."""
    is_open = [candidate for candidate in channel.candidates if candidate.credential.is_open(now_s)]
    if not channel.vitals.channel.until_s:
        return [candidate for candidate in is_open if candidate.credential.until_s]
    if not is_open or not channel.vitals.channel.is_open(now_s):
        return []
    return [min(is_open, key=lambda candidate: candidate.credential.until_s)]


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (" and others" if len(names) > 10 else "")
