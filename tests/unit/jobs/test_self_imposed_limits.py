"""Limits that an experiment sets for its own process are its own affair, and are set back."""

import contextlib
import errno
import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from multiprocessing.connection import Connection

import pytest

from themis.core.errors import NewerSchemaError, StoreBusyError, StoreFullError, StoreIOError, StoreReadOnlyError
from themis.core.jobs.claimed_job import classify
from themis.core.jobs.self_imposed_limits import SelfImposedLimits
from themis.core.queue.model.outages import Lack
from themis.core.queue.model.states import Cause

resource = pytest.importorskip("resource")


def _in_child(work: Callable[[Connection], None]) -> object:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=work, args=(sender,))
    child.start()
    found = receiver.recv()
    child.join()
    return found


def test_nothing_is_said_of_a_process_that_was_left_alone() -> None:
    assert SelfImposedLimits().why_not() is None


def test_a_lowered_limit_is_named_and_set_back() -> None:
    def work(told: Connection) -> None:
        limits = SelfImposedLimits()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        why = limits.why_not()
        limits.restore()
        told.send((why, limits.why_not()))

    assert _in_child(work) == ("the experiment has set RLIMIT_FSIZE to 1,024 for its own process", None)


def test_files_that_were_left_open_are_named() -> None:
    def work(told: Connection) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        limits = SelfImposedLimits()
        kept = []
        with contextlib.suppress(OSError):
            while True:
                kept.append(os.dup(told.fileno()))
        why = limits.why_not()
        for number in kept:
            os.close(number)
        told.send(why)

    assert _in_child(work) == "the experiment has left too many files open"


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (StoreFullError(path="s", detail="full"), Lack.SCARCE),
        (StoreIOError(path="s", detail="broken"), Lack.BROKEN),
        (StoreReadOnlyError(path="s", detail="read-only"), Lack.BROKEN),
        (StoreBusyError(path="s", seconds=1.0), Lack.BUSY),
        (NewerSchemaError(path="s", found=9, known=1), Lack.BUSY),
        (OSError(errno.ENOSPC, "full"), Lack.SCARCE),
        (OSError(errno.EDQUOT, "quota"), Lack.SCARCE),
        (BlockingIOError(errno.EAGAIN, "no process"), Lack.SCARCE),
        (OSError(errno.ENOBUFS, "no buffers"), Lack.SCARCE),
        (OSError(errno.ENOMEM, "no memory"), Lack.SCARCE),
        (OSError(errno.EIO, "broken"), Lack.BROKEN),
        (OSError(errno.EROFS, "read-only"), Lack.BROKEN),
        (RuntimeError("can't start new thread"), Lack.SCARCE),
    ],
)
def test_what_the_machine_lacks_is_an_outage_of_a_kind(error: Exception, lack: Lack) -> None:
    outcome = classify(error)
    assert (outcome.cause, outcome.lack) == (Cause.OUTAGE, lack)


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(errno.EMFILE, "too many files"), RuntimeError("no"), sqlite3.Error()]
)
def test_what_an_experiment_does_to_itself_is_none(error: Exception) -> None:
    outcome = classify(error)
    assert outcome.cause in {Cause.EXCEPTION, Cause.TRANSIENT}
    assert outcome.lack is None
