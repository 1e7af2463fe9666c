"""`/mj-turbo/mj` and `/turbo/mj`: the same door, and all that is asked there is drawn at this speed."""

from pronghorn.api.tasks.midjourney import MidjourneyDoor

door = MidjourneyDoor("turbo", "/mj-turbo/mj", "/turbo/mj")
