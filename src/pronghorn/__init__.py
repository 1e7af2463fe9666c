"""Pronghorn: one base URL and one key for every AI model."""

__version__ = "0.1.0"
