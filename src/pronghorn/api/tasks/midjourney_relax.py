"""`/mj-relax/mj` and `/relax/mj`: the same door, and all that is asked there is drawn at this speed."""

from pronghorn.api.tasks.midjourney import MidjourneyDoor

door = MidjourneyDoor("relax", "/mj-relax/mj", "/relax/mj")
