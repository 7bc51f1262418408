"""Ends of cases as bytes, one for each case of a run: those of a million cases take a megabyte."""

from themis.core.outcomes.stages import Stage

NOT_ENDED = 0
"""The byte of a case that has not ended."""


def end_code(through: Stage, *, failed: bool) -> int:
    """Return the byte of a case that ended at a stage."""
    return 2 * through + failed


def done_codes(until: Stage) -> bytes:
    """Return a table for `bytes.translate` that makes 1 of the end of a case that needs nothing more, 2 if it failed.

    A case that failed at a later stage than `until` needs no work, and stays failed.
    """
    table = bytearray(256)
    for stage in Stage:
        if stage >= until:
            table[end_code(stage, failed=False)] = DONE
        if stage > until:
            table[end_code(stage, failed=True)] = DONE_FAILED
    return bytes(table)


DONE, DONE_FAILED = 1, 2
"""Bytes of cases that need nothing more; that of all others is 0."""
