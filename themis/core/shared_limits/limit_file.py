"""Limit file of one provider: read at any time, changed under its lock."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from themis.core.errors import LimitFileError
from themis.core.files import durable, guarded
from themis.core.shared_limits.document import MOST_BYTES, LimitDocument, NewerFormatError, decode, encode
from themis.core.shared_limits.file_errors import explained
from themis.core.shared_limits.file_lock import locked
from themis.core.shared_limits.folder import SUFFIX, limit_files, limits_folder

PATIENCE_S = 2.0
"""Seconds to wait for a lock, which is held for less than a millisecond."""

_DIGITS = 32


class LimitFile:
    """The limit file of one provider.

    Attributes:
        path: of the file, which need not exist.
    """

    def __init__(self, provider: str, folder: Path | None = None) -> None:
        """Use the file of the provider with this public name, in `folder` or in the folder of this user.

        Raises:
            LimitFileError: no folder is known.
        """
        digest = hashlib.sha256(provider.encode("utf-8", "backslashreplace")).hexdigest()
        self._provider = provider
        self.path = (folder or limits_folder()) / f"{digest[:_DIGITS]}{SUFFIX}"

    def read(self) -> LimitDocument:
        """Return what the file holds; empty when there is none.

        Raises:
            LimitFileError: it cannot be read, or does not hold the limits of this provider.
        """
        with explained(self.path):
            return self._read()

    def update(self, change: Callable[[LimitDocument], LimitDocument], *, repair: bool = False) -> LimitDocument:
        """Write what `change` makes of the content, without dead processes; returns the new content.

        Args:
            change: from the present content to the new one; called once, under the lock.
            repair: whether content that is broken is replaced; that of a newer version never is.

        Raises:
            LimitFileError: it cannot be read or written, or holds something else; then it is unchanged.
        """
        with explained(self.path):
            durable.make_folder(self.path.parent, private=True)
            with locked(self.path.with_suffix(".lock"), PATIENCE_S):
                try:
                    before = self._read()
                except ValueError as error:
                    if not repair or isinstance(error, NewerFormatError):
                        raise
                    before = LimitDocument(self._provider)
                after = change(before.alive(look=False))
                if after.is_empty:
                    self.path.unlink(missing_ok=True)
                    self.path.with_suffix(".lock").unlink(missing_ok=True)
                elif after != before:
                    guarded.replace(self.path, encode(after))
        return after

    def _read(self) -> LimitDocument:
        try:
            data = _content(self.path)
        except FileNotFoundError:
            data = b""
        # An empty file is what a power failure may leave.
        return decode(data, self._provider) if data.strip() else LimitDocument(self._provider)


def all_limits(folder: Path) -> Iterator[LimitDocument | LimitFileError]:
    """Yield the content of each limit file in a folder, without dead processes; in its place the error of a bad one.

    Raises:
        LimitFileError: the folder cannot be read.
    """
    for path in limit_files(folder):
        try:
            found = _living(path, folder)
        except FileNotFoundError:
            continue  # its last process has just ended
        except OSError as error:
            yield LimitFileError(path=path, detail=error.strerror or str(error))
        except ValueError as error:
            yield LimitFileError(path=path, detail=str(error))
        else:
            if not found.is_empty:
                yield found


def _living(path: Path, folder: Path) -> LimitDocument:
    """Return the content of a limit file without dead processes, which are removed from the file too."""
    found = decode(_content(path))
    file = LimitFile(found.provider, folder)
    if file.path != path:
        msg = "it is about another provider"
        raise ValueError(msg)
    alive = found.alive(look=True)
    if alive != found:
        with contextlib.suppress(LimitFileError):  # in a folder that cannot be written they stay in the file
            file.update(lambda now: now.alive(look=True))
    return alive


def _content(path: Path) -> bytes:
    data = guarded.read(path, MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        msg = f"it has more than {MOST_BYTES:,} bytes"
        raise ValueError(msg)
    return data
