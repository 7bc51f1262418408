"""Waiting for what happens in another thread or process: for it, not for the clock."""

import time
from collections.abc import Callable
from pathlib import Path


def until(is_so: Callable[[], object], what: str, seconds: float = 60.0, *, every_s: float = 0.02) -> None:
    """Wait for something that must come to be; look every `every_s` seconds."""
    patient_until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < patient_until, f"waited {seconds:g} s for {what}"
        time.sleep(every_s)


def text_of(path: Path, seconds: float = 30.0) -> str:
    """What another process writes into a file, as soon as there is something."""
    until(lambda: path.exists() and path.read_text(encoding="utf-8"), f"{path.name} to be written", seconds)
    return path.read_text(encoding="utf-8")
