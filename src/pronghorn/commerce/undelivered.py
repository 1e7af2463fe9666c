"""Undelivered: why an attempt to tell somebody something failed."""


class Undelivered(Exception):
    """`is_final`: trying again would be in vain. The text holds no secret: it is kept and shown."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final
