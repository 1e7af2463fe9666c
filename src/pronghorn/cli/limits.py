"""The options for limits, alike for accounts, groups, channels and keys: of something new, and of a change."""

from typing import Annotated

import typer

Rpm = Annotated[int | None, typer.Option(help="Requests a minute.")]
Tpm = Annotated[int | None, typer.Option(help="Tokens a minute.")]
Concurrency = Annotated[int | None, typer.Option(help="Requests at one time.")]
BodyBytes = Annotated[int | None, typer.Option(help="Request bodies in flight, in bytes.")]

NewRpm = Annotated[str | None, typer.Option(help="Requests a minute, or `none`.")]
NewTpm = Annotated[str | None, typer.Option(help="Tokens a minute, or `none`.")]
NewConcurrency = Annotated[str | None, typer.Option(help="Requests at one time, or `none`.")]
NewBodyBytes = Annotated[str | None, typer.Option(help="Request bodies in flight, in bytes, or `none`.")]
