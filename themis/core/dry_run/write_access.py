"""Write access to a file or folder that a run or a submission would make, checked without making it."""

import os
from pathlib import Path


def why_not_writable(path: Path) -> str | None:
    """Return why this user cannot write or make `path`; None when nothing is known that forbids it."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if place != path and not place.is_dir():
        return f"{place} is not a folder"
    if not os.access(place, os.W_OK):
        return f"this user may not write to {place}"
    return None
