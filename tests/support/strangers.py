"""A command that is called by a user who may read a store, and write neither it nor its folder."""

import contextlib
import io
import multiprocessing
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from themis.cli.main import main

_NOBODY = 65534


class Read(NamedTuple):
    """What a command came to; `files` are those of the store's folder afterwards."""

    code: int
    out: str
    err: str
    store: Path
    files: list[str]


def as_stranger(store: Path, words: tuple[str, ...], *, hidden: str | None = None) -> Read:
    """Call a command, whose last word is followed by the path of a copy of `store` in a folder that is only read.

    The copy has everything that was committed, and no log; `hidden` is the ending of a file that is made beside it, and
    cannot be read.
    """
    folder = Path(tempfile.mkdtemp(prefix="themis-stranger-"))
    try:
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copy = folder / store.name
        copy.write_bytes(store.read_bytes())
        copy.chmod(0o444)
        if hidden is not None:
            copy.with_name(copy.name + hidden).touch(mode=0)
        folder.chmod(0o555)
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(
            target=_call, args=([*words, str(folder / store.name)], theirs)
        )
        process.start()
        theirs.close()
        code, out, err = ours.recv()
        process.join()
        return Read(code, out, err, folder / store.name, sorted(path.name for path in folder.iterdir()))
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def _call(words: list[str], answer: Connection) -> None:
    """Call a command as nobody, in a process of its own; what it imports was imported by the test before."""
    if os.geteuid() == 0:
        os.setegid(_NOBODY)
        os.seteuid(_NOBODY)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    answer.send((code, out.getvalue(), err.getvalue()))
