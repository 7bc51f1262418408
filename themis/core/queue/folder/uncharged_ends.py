"""Attempts whose end could not be written down: that is nobody's fault, and charged to nobody.

A disk that is full while an attempt ends takes no commit. If its worker just released the lock, the process that finds
the file in `claimed/` would take the worker for lost, and charge the job for it. So the worker marks the file first: by
a rename, which needs no room.

The mark is in the token of the file's name: eight random digits, and eight that follow from them and the token of the
claim that the row names. So a mark is that claim's alone: left over, it excuses no later attempt. A recovery of the
file takes it under a name with the mark too, so that dying on the way does not lose it. To older versions it is a
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
    """A token, unlike any other, that excuses the attempt of a claim."""
    salt = secrets.token_hex(_DIGITS // 2)
    return salt + _proof(claim_token, salt)


def is_excused(row: JobRow, name: str) -> bool:
    """Whether a file's name bears the mark of the claim that its job's row names."""
    entry = layout.parse(layout.CLAIMED, name)
    if entry is None or entry.token is None or row.token is None or entry.attempt != row.attempt:
        return False
    return entry.token[_DIGITS:] == _proof(row.token, entry.token[:_DIGITS])


def token_for(row: JobRow, sources: Iterable[str]) -> str:
    """Unique token for a move of a job's files; it has the mark that one of them has."""
    excused = any(is_excused(row, os.path.basename(source)) for source in sources)  # noqa: PTH119  # texts
    return marked_token(row.token) if excused and row.token is not None else layout.new_token()


def _proof(claim_token: str, salt: str) -> str:
    return hashlib.sha256(f"{claim_token}\n{salt}\nexcused".encode()).hexdigest()[:_DIGITS]
