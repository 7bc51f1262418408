"""Log of an attempt: its output, in a file of limited size, with known secrets masked."""

import os
from pathlib import Path

from themis.core.files import guarded
from themis.core.text.masking import ByteMask, Mask
from themis_workers.messages import Secret

_MOST_SECRETS = 1_000


class JobLog:
    """Log of one attempt: `<attempt>.log`, and the older part `<attempt>.log.1` once it was rotated.

    A log that cannot be written is given up: no job fails because of it.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        """Append to `path`, and rotate it when it has reached `limit_bytes`."""
        self._mask = Mask()
        self._clean = ByteMask(self._mask)
        self._secrets = 0
        self._path = path
        self._limit_bytes = limit_bytes
        self._descriptor: int | None = None
        self._size = 0
        self._open()

    def keep_out(self, secret: Secret) -> None:
        """Mask a secret in everything that is written from now on."""
        if self._secrets < _MOST_SECRETS:
            self._secrets += 1
            self._mask.add(secret.name, secret.value, is_key=secret.is_key)

    def write(self, data: bytes) -> None:
        """Write output of the job."""
        self._append(self._clean.feed(data))

    def close(self) -> None:
        """Write the rest, and close the file."""
        self._append(self._clean.rest())
        self._close()

    def _append(self, data: bytes) -> None:
        if self._size + len(data) > self._limit_bytes and self._size:
            self._rotate()
        if self._descriptor is not None:
            try:
                self._size += os.write(self._descriptor, data)
            except OSError:
                self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = guarded.open_to_append(self._path)
            self._size = os.fstat(self._descriptor).st_size
        except OSError:
            self._descriptor = None

    def _rotate(self) -> None:
        self._close()
        try:
            self._path.replace(f"{self._path}.1")
        except OSError:
            return
        self._open()
