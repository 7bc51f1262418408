"""Folder of the limit files of this user."""

import os
from collections.abc import Iterator
from pathlib import Path

from themis.core.errors import LimitFileError

FOLDER_VARIABLE = "THEMIS_LIMITS_DIR"

SUFFIX = ".json"


def limits_folder() -> Path:
    """Return the folder: `$THEMIS_LIMITS_DIR`, else `themis/limits` in `$XDG_STATE_HOME`, else in `~/.local/state`.

    Raises:
        LimitFileError: there is no home folder.
    """
    told, state = os.environ.get(FOLDER_VARIABLE), os.environ.get("XDG_STATE_HOME")
    try:
        if told:
            return Path(told).expanduser().absolute()
        base = Path(state) if state and Path(state).is_absolute() else Path("~/.local/state").expanduser()
    except RuntimeError as error:
        detail = f"no folder for limits is known: {error}; set {FOLDER_VARIABLE}"
        raise LimitFileError(path=told or "~/.local/state/themis/limits", detail=detail) from None
    return base / "themis" / "limits"


def limit_files(folder: Path) -> Iterator[Path]:
    """Yield the paths of all limit files, by name; none when the folder does not exist.

    Raises:
        LimitFileError: the folder cannot be read.
    """
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  # only the names are needed
    except FileNotFoundError:
        return
    except OSError as error:
        raise LimitFileError(path=folder, detail=error.strerror or str(error)) from None
    for name in names:
        if name.endswith(SUFFIX) and not name.startswith("."):
            yield folder / name
