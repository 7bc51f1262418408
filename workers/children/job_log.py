"""What an attempt prints, in a file that cannot grow without end."""

import os
from pathlib import Path

from themis.core import guarded_files


class JobLog:
    """The log of one attempt: `<attempt>.log`, and before it `<attempt>.log.1` once it was full.

    A log that cannot be written is given up: no job fails for it.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        """Append to `path`, and begin anew whenever that holds `limit_bytes`."""
        self._path = path
        self._limit_bytes = limit_bytes
        self._descriptor: int | None = None
        self._size = 0
        self._open()

    def write(self, data: bytes) -> None:
        """Keep what was printed."""
        if self._size + len(data) > self._limit_bytes and self._size:
            self._rotate()
        if self._descriptor is not None:
            try:
                self._size += os.write(self._descriptor, data)
            except OSError:
                self.close()

    def close(self) -> None:
        """Nothing more is written."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = guarded_files.open_to_append(self._path)
            self._size = os.fstat(self._descriptor).st_size
        except OSError:
            self._descriptor = None

    def _rotate(self) -> None:
        self.close()
        try:
            self._path.replace(f"{self._path}.1")
        except OSError:
            return
        self._open()
