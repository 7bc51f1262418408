"""Folder of what this user keeps on this machine of queues that other hosts use too."""

import os
import tempfile
from pathlib import Path

FOLDER_VARIABLE = "THEMIS_QUEUES_DIR"


def queues_folder() -> Path:
    """Return the folder of what this user keeps on this machine of queues.

    It is `$THEMIS_QUEUES_DIR`, else `themis/queues` in `$XDG_STATE_HOME`, else in `~/.local/state`; for a user without
    a home folder it is a temporary one.
    """
    told, state = os.environ.get(FOLDER_VARIABLE), os.environ.get("XDG_STATE_HOME")
    try:
        if told:
            return Path(told).expanduser().absolute()
        base = Path(state) if state and Path(state).is_absolute() else Path("~/.local/state").expanduser()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"themis-queues-{os.getuid()}"
    return base / "themis" / "queues"
