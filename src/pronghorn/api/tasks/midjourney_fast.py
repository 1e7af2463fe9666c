"""`/mj-fast/mj` and `/fast/mj`: the same door, and all that is asked there is drawn at this speed."""

from pronghorn.api.tasks.midjourney import MidjourneyDoor

door = MidjourneyDoor("fast", "/mj-fast/mj", "/fast/mj")
