"""Words of songs: lyrics, a title and style words from an idea, and when each word is sung. The same each time."""

import random
import re
from dataclasses import dataclass

_SMALL_WORDS = """
    a an the of for about with and or in on at to from by my your our song music please write make me it is
"""
_FORMS = (
    "{A} in the morning light",
    "I carry {a} through the night",
    "Every street is humming {a}",
    "Tell me where the {a} has gone",
    "We were young and {b} was new",
    "Nothing here but {a} and you",
    "The {b} goes down, the {a} remains",
    "{A} is knocking on the windowpanes",
)
_CHORUSES = (
    "Oh {a}, take me home",
    "{A}, {a}, never alone",
    "Sing it to the {b} again",
    "{A} until the very end",
)
_MOODS = ("warm", "dreamy", "driving", "intimate", "wide", "bittersweet", "playful", "hazy")
_SOUNDS = ("soft pads", "plucked guitar", "round bass", "brushed drums", "airy vocals", "bright synths")
_SECTION = re.compile(r"^\s*\[[^\]\n]*\]\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lyrics:
    """`text` has section marks in brackets."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word with what stands before it in its line of the lyrics, and its time in seconds."""

    text: str
    start_s: float
    end_s: float


def write(idea: str, seed: str = "") -> Lyrics:
    """Lyrics about `idea`: two verses, a chorus after each, and an end."""
    chance = random.Random(f"lyrics {idea} {seed}")
    first, second = _topics(idea, chance)

    def lines(forms: tuple[str, ...], count: int) -> list[str]:
        chosen = chance.sample(forms, count)
        return [form.format(a=first, b=second, A=first.capitalize()) for form in chosen]

    chorus = "\n".join(["[Chorus]", *lines(_CHORUSES, 4)])
    verses = ["\n".join([f"[Verse {number}]", *lines(_FORMS, 4)]) for number in (1, 2)]
    outro = "\n".join(["[Outro]", *lines(_CHORUSES, 1)])
    return Lyrics(title(idea), "\n\n".join([verses[0], chorus, verses[1], chorus, outro]))


def title(idea: str) -> str:
    """The first words of the idea that mean something."""
    words = [word for word in re.findall(r"[\w'-]+", idea) if word.lower() not in _SMALL_WORDS.split()]
    return " ".join(words[:4]).title()[:80] or "Untitled"


def tags(idea: str) -> str:
    """The idea as style words, with a mood and two sounds that it did not name."""
    chance = random.Random(f"tags {idea}")
    said = [word.strip() for word in idea.split(",") if word.strip()][:8]
    return ", ".join([*said, chance.choice(_MOODS), *chance.sample(_SOUNDS, 2)])


def timed(lyrics: str, length_s: float) -> list[Word]:
    """Each word as long as it has letters, between a short beginning and a short end without words."""
    found = re.findall(r"(?:\s*\[[^\]\n]*\])*\s*\S+", lyrics.strip())
    letters = [max(1, len(_SECTION.sub("", word).strip())) for word in found]
    begin_s, sung_s = 0.05 * length_s, 0.9 * length_s
    per_letter_s = sung_s / max(1, sum(letters))
    words: list[Word] = []
    for text, size in zip(found, letters, strict=True):
        words.append(Word(text.lstrip(" "), begin_s, begin_s + size * per_letter_s))
        begin_s += size * per_letter_s
    return words


def _topics(idea: str, chance: random.Random) -> tuple[str, str]:
    """Two words that the song is about."""
    words = [
        word.lower() for word in re.findall(r"[^\W\d_]{3,}", idea) if word.lower() not in _SMALL_WORDS.split()
    ]
    words = words or ["silence"]
    return words[-1], chance.choice(words[:-1]) if len(words) > 1 else "night"
