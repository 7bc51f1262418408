"""Whose trouble an exception is, and what the machine lacks."""

import errno

import pytest

from themis.core.errors import (
    NetworkFilesystemError,
    NewerSchemaError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreIOError,
)
from themis.core.queue.model.outages import Lack, is_of_machine, lack_of, lacks_threads, refusal

THREADS = RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("error", "is_machines", "lack"),
    [
        (OSError(errno.ENOSPC, "full"), True, Lack.SCARCE),
        (OSError(errno.EAGAIN, "again"), True, Lack.SCARCE),
        (OSError(errno.ENFILE, "files"), True, Lack.SCARCE),
        (OSError(errno.EIO, "broken"), True, Lack.BROKEN),
        (OSError(errno.EROFS, "read only"), True, Lack.BROKEN),
        (OSError(errno.ENOENT, "gone"), True, None),
        (OSError("no number"), True, None),
        (THREADS, True, Lack.SCARCE),
        (RuntimeError("something else"), False, None),
        (ValueError("can't start new thread"), False, None),
        (MemoryError(), True, None),
        (StoreFullError(path="p", detail="d"), True, Lack.SCARCE),
        (StoreIOError(path="p", detail="d"), True, Lack.BROKEN),
        (StoreBusyError(path="p", seconds=1), True, Lack.BUSY),
        (NewerSchemaError(path="p", found=2, known=1), True, Lack.BUSY),
        (StoreError(path="p", detail="d"), True, None),
        (NetworkFilesystemError(path="p", filesystem="nfs", reason="r"), True, None),
        (OverflowError("too large"), False, None),
        (KeyError("k"), False, None),
    ],
    ids=repr,
)
def test_each_error_is_the_machines_or_the_files(error: Exception, is_machines: bool, lack: Lack | None) -> None:
    assert is_of_machine(error) is is_machines
    assert lack_of(error) is lack
    assert lacks_threads(error) is (error is THREADS)


def test_a_file_is_set_aside_with_what_was_raised_over_it() -> None:
    found = refusal("n.json", OverflowError("too large"))
    assert found.facts["reason"] == "unworkable"
    assert "OverflowError: too large" in str(found)
