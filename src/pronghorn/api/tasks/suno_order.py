"""Orders for Suno: whose the named clips and tasks are, what is wanted of whom, and the object around answers."""

from collections.abc import Iterator
from typing import Any

from pronghorn.api.tasks.door import Answer, Asked, take_callback
from pronghorn.api.tasks.spelling import folded, objects_in
from pronghorn.errors import BadRequest
from pronghorn.tasks.draft import Wanted
from pronghorn.tasks.view import View

FAMILY = "suno"
READ = (
    *("task", "task_id", "mv", "model", "gpt_description_prompt", "prompt", "tags", "title"),
    *(
        "stem_task",
        "stem_type_group_name",
        "persona_id",
        "clips",
        "clip_id",
        "root_clip_id",
        "artist_clip_id",
    ),
    *("continue_clip_id", "cover_clip_id", "overpainting_clip_id", "underpainting_clip_id"),
    *("url", "name", "original_tags"),
)
"""All members that something depends on."""
MOST_CLIPS = 50
"""That one request may name."""


async def order(
    asked: Asked, action: str, body: dict[str, Any], kind: str, parent: View | None = None, makes: str = ""
) -> View:
    """Raises `BadRequest` for a task or clip that is not the caller's: of somebody else's nothing is told.

    Raises `AlreadyMade` if another task of the caller's is at what it `makes`.
    """
    callback = take_callback(body)
    if parent is None and body.get("task_id"):
        parent = await asked.task(str(body["task_id"]), FAMILY)
        if parent is None:
            raise missing()
    parts = await _made(asked, body)
    wanted = Wanted(
        family=FAMILY,
        action=action,
        kind=kind,
        body=body,
        callback=callback,
        parent=parent,
        parts=parts,
        makes=makes,
    )
    return await asked.tasks.submit(asked.incoming, asked.grant, wanted)


async def _made(asked: Asked, body: dict[str, Any]) -> dict[str, View]:
    """The tasks that made what the body names: it must be worked on where it was made."""
    named = {name: member for member, name in _named(body)}
    if len(named) > MOST_CLIPS:
        raise BadRequest(f"a request may name {MOST_CLIPS} clips at most", param="clips")
    return {name: await owner(asked, name, member) for name, member in named.items()}


def _named(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Members and the clips, or the persona, in them, at whatever depth; also in those that are not invented yet."""
    for one in objects_in(body):
        for member, value in one.items():
            yield from ((member, name) for name in _names(folded(member), value))


def _names(kind: str, value: Any) -> list[str]:
    """One, a list of them, or a text with commas: some servers take each for the other."""
    if not (kind.endswith(("clipid", "clipids")) or kind in ("clips", "personaid")):
        return []
    texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    return [name for text in texts for name in text.split(",") if name]


async def owner(asked: Asked, name: str, member: str) -> View:
    """The task that made the clip or persona. Raises `BadRequest`."""
    made = await asked.tasks.of_part(asked.grant, name)
    if made is None or made.family != FAMILY:
        raise BadRequest(f"{member}: there is no {name[:100]!r} that is yours", param=member)
    return made


def missing() -> BadRequest:
    return BadRequest("task_not_exist", param="task_id", code="task_not_exist")


def shown(asked: Asked, view: View) -> dict[str, Any]:
    found: dict[str, Any] = asked.tasks.families[FAMILY].shown(view, asked.link(view))
    return found


def envelope(data: Any) -> Answer:
    return Answer({"code": "success", "message": "", "data": data})
