"""Uncharged ends: attempts whose end could not be written, which is charged to nobody.

When the disk is full at the end of an attempt, its end cannot be committed. If its worker only released the job, the
next process that finds the file in `claimed/` would assume a lost worker, and charge the job for it. So the worker
marks the file first, by a rename, which needs no room.

The mark is in the token in the file's name: eight random digits, and eight derived from them and the token of the claim
that the row names. So a mark belongs to that claim alone: a leftover excuses no later attempt. A process that recovers
the file takes it under a name with the mark too, so that dying on the way does not lose it. To older versions it is a
token like any other.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable

from themis.core.queue.model import layout
from themis.core.stores.job_rows import JobRow

_DIGITS = 8


def marked_token(claim_token: str) -> str:
    """Return a new token that excuses the attempt of a claim."""
    salt = secrets.token_hex(_DIGITS // 2)
    return salt + _proof(claim_token, salt)


def is_excused(row: JobRow, name: str) -> bool:
    """Whether a file's name has the mark of the claim that its job's row names."""
    entry = layout.parse(layout.CLAIMED, name)
    if entry is None or entry.token is None or row.token is None or entry.attempt != row.attempt:
        return False
    return entry.token[_DIGITS:] == _proof(row.token, entry.token[:_DIGITS])


def token_for(row: JobRow, sources: Iterable[str]) -> str:
    """Return a new token for moving a job's files; it has the mark if one of the files has it."""
    excused = any(is_excused(row, os.path.basename(source)) for source in sources)  # noqa: PTH119  # texts
    return marked_token(row.token) if excused and row.token is not None else layout.new_token()


def _proof(claim_token: str, salt: str) -> str:
    return hashlib.sha256(f"{claim_token}\n{salt}\nexcused".encode()).hexdigest()[:_DIGITS]
