"""The pictures and films of the sandbox's Midjourney are what the buttons say: cut out, widened, repainted, moved."""

import io
import itertools
from collections.abc import AsyncIterator
from typing import Any

import av
import pytest
import pytest_asyncio
from PIL import Image, ImageChops, ImageDraw, ImageStat
from tests.sandbox.midjourney_studio import Shape, Studio, as_uri, cells, open_studio

RED, BLUE, GREEN = (220, 30, 30), (40, 80, 220), (30, 160, 60)


@pytest_asyncio.fixture
async def studio() -> AsyncIterator[Studio]:
    async with open_studio() as opened:
        yield opened


async def upscaled(studio: Studio, prompt: str, number: int = 1) -> Shape:
    return await studio.pressed(await studio.imagine(prompt), f"MJ::JOB::upsample::{number}")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean over all pixels and colours, from 0 to 255."""
    means = ImageStat.Stat(ImageChops.difference(one, other.resize(one.size))).mean
    return float(sum(means) / len(means))


def are_distinct(pictures: list[Image.Image]) -> bool:
    return all(difference(one, other) > 3 for one, other in itertools.combinations(pictures, 2))


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> str:
    return as_uri(Image.new("RGB", size, colour))


@pytest.mark.parametrize("prompt", ["a red bicycle", "black", "white", "grey fog", "a lighthouse"])
async def test_a_grid_has_four_shades_of_one_picture(studio: Studio, prompt: str) -> None:
    four = cells(await studio.picture(await studio.imagine(prompt)))
    assert are_distinct(four)
    for cell in four:
        assert len(cell.getcolors(10**6) or ()) > 5, "it shows letters, not a plain colour"


@pytest.mark.parametrize(
    ("ratio", "width", "height"), [("3:2", 3, 2), ("9:16", 9, 16), ("1:1", 1, 1), ("14:1", 14, 1)]
)
async def test_the_ratio_is_kept(studio: Studio, ratio: str, width: int, height: int) -> None:
    grid = await studio.picture(await studio.imagine(f"x --ar {ratio}"))
    assert grid.width * height == grid.height * width
    assert 0.9 < grid.width * grid.height / 768**2 < 1.01
    single = await studio.picture(await upscaled(studio, f"x --aspect {ratio}"))
    assert single.width * height == single.height * width


async def test_an_upscale_is_its_cell_enlarged(studio: Studio) -> None:
    grid = await studio.imagine("a red bicycle --ar 4:3")
    four = cells(await studio.picture(grid))
    for number in range(1, 5):
        single = await studio.picture(await studio.pressed(grid, f"MJ::JOB::upsample::{number}"))
        assert single.size == (four[0].width * 2, four[0].height * 2)
        small = single.resize(four[0].size, Image.Resampling.BOX)
        distances = [difference(small, cell) for cell in four]
        assert distances.index(min(distances)) == number - 1
        assert min(distances) < 1


async def test_a_high_resolution_has_twice_the_side(studio: Studio) -> None:
    single = await upscaled(studio, "a red bicycle")
    old = await studio.picture(single)
    subtle = await studio.pressed(single, "MJ::JOB::upsample_v7_2x_subtle")
    creative = await studio.pressed(single, "MJ::JOB::upsample_v7_2x_creative")
    assert subtle["action"] == "UPSCALE_HD"
    soft, strong = await studio.picture(subtle), await studio.picture(creative)
    assert soft.size == strong.size == (old.width * 2, old.height * 2)
    assert difference(old, soft) < 1 < difference(old, strong) < 40
    assert not any("upsample" in button["customId"] for button in subtle["buttons"])


async def test_variations_are_near_and_a_reroll_is_new(studio: Studio) -> None:
    grid = await studio.imagine("a red bicycle")
    old = await studio.picture(grid)
    third = cells(old)[2]
    varied = cells(await studio.picture(await studio.pressed(grid, "MJ::JOB::variation::3")))
    assert are_distinct(varied)
    assert all(1 < difference(third, cell) < 60 for cell in varied)
    again = await studio.pressed(grid, "MJ::JOB::reroll")
    assert difference(old, await studio.picture(again)) > 3
    assert (await studio.picture(again)).size == old.size


async def test_a_strong_variation_is_further_away(studio: Studio) -> None:
    single = await upscaled(studio, "a red bicycle")
    old = await studio.picture(single)
    names = ("MJ::JOB::low_variation", "MJ::JOB::high_variation")
    near, far = [cells(await studio.picture(await studio.pressed(single, name))) for name in names]
    assert sum(difference(old, cell) for cell in near) < sum(difference(old, cell) for cell in far)


@pytest.mark.parametrize(("number", "zoom"), [(50, 2.0), (75, 1.5)])
async def test_zooming_out_puts_the_picture_into_a_larger_one(
    studio: Studio, number: int, zoom: float
) -> None:
    single = await upscaled(studio, "a red bicycle --ar 3:2")
    old = await studio.picture(single)
    task = await studio.pressed(single, f"MJ::Outpaint::{number}")
    assert (task["action"], len(task["buttons"])) == ("ZOOM", 9)
    four = cells(await studio.picture(task))
    width, height = round(old.width / zoom), round(old.height / zoom)
    left, top = (old.width - width) // 2, (old.height - height) // 2
    for cell in four:
        assert cell.size == old.size
        middle = cell.crop((left, top, left + width, top + height))
        assert difference(old.resize(middle.size, Image.Resampling.LANCZOS), middle) == 0
        assert difference(old.crop((0, 0, left, top)), cell.crop((0, 0, left, top))) > 3


async def test_a_custom_zoom_takes_ratio_and_factor(studio: Studio) -> None:
    single = await upscaled(studio, "a red bicycle")
    old = await studio.picture(single)
    opened = await studio.press(single, "MJ::CustomZoom")
    text = {"taskId": opened["result"], "prompt": "a blue sea --ar 2:1 --zoom 1.6"}
    cell = cells(await studio.picture(await studio.done(await studio.submit("modal", text))))[0]
    assert cell.width == cell.height * 2
    side = round(cell.height / 1.6)
    left, top = (cell.width - side) // 2, (cell.height - side) // 2
    middle = cell.crop((left, top, left + side, top + side))
    assert difference(old.resize((side, side), Image.Resampling.LANCZOS), middle) == 0
    _, _, blue = ImageStat.Stat(cell.crop((0, 0, left, cell.height))).mean
    assert blue > 120


async def test_a_pan_adds_a_half_and_keeps_every_pixel(studio: Studio) -> None:
    single = await upscaled(studio, "a red bicycle")
    old = await studio.picture(single)
    side, half = old.width, old.width // 2
    for way, corner in {"left": (half, 0), "right": (0, 0), "up": (0, half), "down": (0, 0)}.items():
        task = await studio.pressed(single, f"MJ::JOB::pan_{way}")
        assert task["action"] == "PAN"
        four = cells(await studio.picture(task))
        for cell in four:
            assert cell.size == ((side + half, side) if way in ("left", "right") else (side, side + half))
            kept = cell.crop((*corner, corner[0] + side, corner[1] + side))
            assert kept.tobytes() == old.tobytes()
        assert four[0].tobytes() != four[1].tobytes()


async def test_only_the_white_area_is_repainted(studio: Studio) -> None:
    single = await upscaled(studio, "a red bicycle", 2)
    old = await studio.picture(single)
    opened = await studio.press(single, "MJ::Inpaint")
    assert (opened["code"], (await studio.fetch(opened["result"]))["prompt"]) == (21, "")
    hole = Image.new("L", old.size, 0)
    ImageDraw.Draw(hole).ellipse((100, 200, 500, 600), fill=255)
    body: dict[str, Any] = {"taskId": opened["result"], "prompt": "a green hat"}
    for mask in (None, plain((255, 255, 255)), as_uri(Image.new("L", old.size, 0))):
        assert (await studio.submit("modal", body | {"maskBase64": mask}))["code"] == 4
    task = await studio.done(await studio.submit("modal", body | {"maskBase64": as_uri(hole)}))
    assert (task["action"], task["prompt"]) == ("VARIATION", "a green hat")
    four = cells(await studio.picture(task))
    inside = []
    black = Image.new("RGB", old.size)
    for cell in four:
        assert cell.size == old.size
        keeps_old = [Image.composite(black, picture, hole).tobytes() for picture in (old, cell)]
        assert keeps_old[0] == keeps_old[1]
        inside.append(cell.crop((200, 300, 400, 500)))
        assert difference(old.crop((200, 300, 400, 500)), inside[-1]) > 20
    assert are_distinct(inside)
    cut = await studio.picture(await studio.pressed(task, "MJ::JOB::upsample::3"))
    assert cut.tobytes() == four[2].tobytes()


async def test_a_mask_may_be_white_on_transparent(studio: Studio) -> None:
    single = await upscaled(studio, "a red bicycle")
    old = await studio.picture(single)
    mask = Image.new("RGBA", old.size, (255, 255, 255, 0))
    mask.paste((255, 255, 255, 255), (0, 0, 256, old.height))
    opened = await studio.press(single, "MJ::Inpaint")
    body = {"taskId": opened["result"], "maskBase64": as_uri(mask)}
    task = await studio.done(await studio.submit("modal", body))
    assert task["prompt"] == "a red bicycle"
    cell = cells(await studio.picture(task))[0]
    right = (256, 0, *old.size)
    assert cell.crop(right).tobytes() == old.crop(right).tobytes()
    assert difference(old.crop((0, 0, 256, 768)), cell.crop((0, 0, 256, 768))) > 3


async def test_an_edit_fills_what_is_transparent(studio: Studio) -> None:
    sent = Image.new("RGBA", (300, 200), (*RED, 255))
    sent.paste((0, 0, 0, 0), (200, 0, 300, 200))
    for name in ("edits", "edit"):
        answer = await studio.submit(name, {"prompt": "a blue wall", "image": as_uri(sent)})
        task = await studio.done(answer)
        assert (task["action"], len(task["buttons"])) == ("EDIT", 9)
    for cell in cells(await studio.picture(task)):
        assert cell.size == (300, 200)
        assert cell.crop((0, 0, 200, 200)).getcolors() == [(40_000, RED)]
        red, _, blue = ImageStat.Stat(cell.crop((200, 0, 300, 200))).mean
        assert blue > red + 50


async def test_a_blend_is_made_of_all_pictures(studio: Studio) -> None:
    sent = [plain(colour) for colour in (RED, BLUE, GREEN)]
    body = {"base64Array": sent, "dimensions": "PORTRAIT"}
    task = await studio.done(await studio.submit("blend", body))
    assert (task["action"], task["prompt"], len(task["buttons"])) == ("BLEND", "", 9)
    grid = await studio.picture(task)
    assert grid.width * 3 == grid.height * 2
    mean = ImageStat.Stat(grid).mean
    middle = [sum(values) / 3 for values in zip(RED, BLUE, GREEN, strict=True)]
    assert all(abs(one - other) < 25 for one, other in zip(mean, middle, strict=True))
    assert are_distinct(cells(grid))
    assert (await studio.pressed(task, "MJ::JOB::reroll"))["action"] == "BLEND"
    for count in (1, 6):
        body = {"base64Array": [sent[0]] * count}
        assert (await studio.submit("blend", body))["code"] == 4


async def test_a_description_says_what_is_there(studio: Studio) -> None:
    sent = Image.new("RGB", (640, 360), RED)
    sent.paste(BLUE, (0, 0, 160, 360))
    task = await studio.done(await studio.submit("describe", {"base64": as_uri(sent)}))
    texts = task["promptEn"].split("\n\n")
    assert task["properties"]["finalPrompt"] == task["promptEn"]
    assert [text[:4] for text in texts] == [f"{number}\ufe0f\u20e3 " for number in range(1, 5)]
    assert len(set(texts)) == 4
    for text in texts:
        assert "640x360" in text
        assert text.endswith("--ar 16:9")
        assert text.index("red") < text.index("blue")
    shown = await studio.picture(task)
    assert shown.tobytes() == sent.tobytes()
    green = await studio.done(await studio.submit("describe", {"base64": plain(GREEN)}))
    assert "green" in green["promptEn"]
    assert "red" not in green["promptEn"]
    assert "square" in green["promptEn"]


async def test_what_was_imagined_can_be_described_by_its_address(studio: Studio) -> None:
    grid = await studio.imagine("a red bicycle --ar 3:2")
    described = await studio.done(await studio.submit("describe", {"link": grid["imageUrl"]}))
    assert "red" in described["promptEn"]
    assert f"{grid['imageWidth']}x{grid['imageHeight']}" in described["promptEn"]


async def test_shortened_prompts_are_shorter_each_time(studio: Studio) -> None:
    prompt = "please draw a very old red bicycle that stands in the rain --ar 3:2"
    task = await studio.done(await studio.submit("shorten", {"prompt": prompt}))
    texts = [text[4:].removesuffix(" --ar 3:2") for text in task["promptEn"].split("\n\n")]
    lengths = [len(text) for text in texts]
    assert len(texts) == 5
    assert lengths == sorted(set(lengths), reverse=True)
    assert lengths[0] < len(prompt.removesuffix(" --ar 3:2"))
    assert all(word in prompt for text in texts for word in text.split())
    assert "Shortened prompts" in task["description"]
    ids = [button["customId"] for button in task["buttons"]]
    assert ids == [f"MJ::Job::PromptAnalyzer::{number}" for number in range(1, 6)]
    opened = await studio.press(task, "MJ::Job::PromptAnalyzer::2")
    assert opened["code"] == 21
    drawn = await studio.done(await studio.submit("modal", {"taskId": opened["result"]}))
    assert (drawn["action"], drawn["prompt"]) == ("IMAGINE", f"{texts[1]} --ar 3:2")


async def test_pictures_in_front_of_a_prompt_shine_through(studio: Studio) -> None:
    alone = await studio.picture(await studio.imagine("a red bicycle"))
    sent = await studio.imagine("a red bicycle", base64Array=[plain(GREEN)])
    url, _, text = sent["prompt"].partition(" ")
    assert (url.startswith("http://"), text) == (True, "a red bicycle")
    _, upload = await studio.post("/mj/submit/upload-discord-images", {"base64Array": [plain(GREEN)]})
    assert (upload["code"], len(upload["result"])) == (1, 1)
    linked = await studio.picture(await studio.imagine(f"{upload['result'][0]} a red bicycle"))
    assert (await studio.picture(sent)).tobytes() == linked.tobytes()
    assert ImageStat.Stat(linked).mean[1] > ImageStat.Stat(alone).mean[1] + 20
    assert Image.open(io.BytesIO(await studio.download(upload["result"][0]))).size == (64, 64)


async def test_a_swapped_face_shows_both(studio: Studio) -> None:
    body = {"sourceBase64": plain(RED), "targetBase64": plain(BLUE, (200, 100))}
    status, answer = await studio.post("/mj/insight-face/swap", body)
    task = await studio.done(answer)
    assert (status, task["action"], task["botType"], task["buttons"]) == (
        200,
        "SWAP_FACE",
        "INSIGHT_FACE",
        [],
    )
    colours = {colour: count for count, colour in (await studio.picture(task)).getcolors() or ()}
    assert colours.keys() == {RED, BLUE}
    assert 0.1 < colours[RED] / 20_000 < 0.4
    same = {"sourceBase64": plain(RED), "targetBase64": plain(RED)}
    assert (await studio.post("/mj/insight-face/swap", same))[1]["code"] == 4


def frames(clip: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(clip), "r") as container:
        assert container.format.name.startswith("mov,mp4")
        decoded: Any = container.decode(video=0)
        return [frame.to_image() for frame in decoded]


def seconds(clip: bytes) -> float:
    with av.open(io.BytesIO(clip), "r") as container:
        return float(container.duration or 0) / 1_000_000


async def clips_of(studio: Studio, task: Shape) -> list[bytes]:
    assert task["videoUrl"] == task["videoUrls"][0]["url"]
    return [await studio.download(clip["url"]) for clip in task["videoUrls"]]


async def test_an_animated_picture_has_four_films(studio: Studio) -> None:
    single = await upscaled(studio, "a red bicycle --ar 3:2")
    task = await studio.pressed(single, "MJ::JOB::animate_high")
    assert task["action"] == "VIDEO"
    picks = [f"MJ::JOB::video_virtual_upscale::{number}" for number in range(1, 5)]
    assert [button["customId"] for button in task["buttons"]][:4] == picks
    films = await clips_of(studio, task)
    assert len(set(films)) == 4
    for film in films:
        seen = frames(film)
        assert seen[0].width * 2 == seen[0].height * 3
        assert 1 <= seconds(film) <= 2
        assert difference(await studio.picture(single), seen[0]) < 8
        assert difference(seen[0], seen[-1]) > 3

    picked = await studio.pressed(task, picks[2])
    assert (picked["action"], await clips_of(studio, picked)) == ("UPSCALE", [films[2]])
    longer = await studio.pressed(picked, "MJ::JOB::animate_low_extend")
    extended = (await clips_of(studio, longer))[0]
    assert len(frames(extended)) == 2 * len(frames(films[2]))
    assert difference(frames(extended)[0], frames(films[2])[0]) < 5


async def test_a_film_begins_and_ends_as_it_was_asked(studio: Studio) -> None:
    body: dict[str, Any] = {"prompt": "it glows", "motion": "high", "image": plain(RED)}
    body |= {"endImage": plain(BLUE), "batchSize": 1}
    task = await studio.done(await studio.submit("video", body))
    (film,) = await clips_of(studio, task)
    first, *_, last = frames(film)
    assert difference(first, Image.new("RGB", (1, 1), RED)) < 8
    assert difference(last, Image.new("RGB", (1, 1), BLUE)) < 8

    more: dict[str, Any] = {"prompt": "on", "motion": "low", "action": "extend", "index": 0}
    longer = await studio.done(await studio.submit("video", more | {"taskId": task["id"]}))
    assert (longer["action"], longer["parentId"], len(longer["videoUrls"])) == ("VIDEO", task["id"], 4)
    extended = (await clips_of(studio, longer))[3]
    assert len(frames(extended)) == 2 * len(frames(film))
    for wrong in ({"index": 1, "taskId": task["id"]}, {"index": None, "taskId": task["id"]}, {"taskId": ""}):
        assert (await studio.submit("video", more | wrong))["code"] == 4


async def test_a_looping_film_ends_where_it_began(studio: Studio) -> None:
    picture = await studio.picture(await upscaled(studio, "a red bicycle"))
    body = {"prompt": "", "motion": "high", "image": as_uri(picture), "loop": True, "batchSize": 1}
    (film,) = await clips_of(studio, await studio.done(await studio.submit("video", body)))
    seen = frames(film)
    assert difference(seen[0], seen[-1]) < 4 < difference(seen[0], seen[len(seen) // 2])
