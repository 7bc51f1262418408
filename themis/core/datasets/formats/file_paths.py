"""Files that a dataset's path names: one, or all that match a pattern."""

import glob
from pathlib import Path

from themis.core.errors import DatasetError


def files_of(path: Path) -> list[Path]:
    """Return the file at a path, or the files that its pattern (`*`, `?`, `[…]`, `**`) matches, by name.

    A file whose name has such a character itself is that file. `~` at the beginning is the user's folder.

    Raises:
        DatasetError: nothing matches the pattern.
    """
    path = path.expanduser()
    if not glob.has_magic(str(path)) or path.exists():
        return [path]
    found = sorted(Path(name) for name in glob.iglob(str(path), recursive=True) if not Path(name).is_dir())  # noqa: PTH207  # a pattern may be absolute
    if not found:
        raise DatasetError(where=str(path), detail="no file matches this pattern")
    return found
