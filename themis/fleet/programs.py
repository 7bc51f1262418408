"""Programs of an engine, run to their end."""

import re
import shutil
import subprocess
from collections.abc import Sequence

from themis.core.errors import EngineError, EngineMissingError
from themis.core.text.lines import one_line

_PATIENCE_S = 60.0
_SHOWN_CHARACTERS = 300

# What programs say around what is wrong: their names and levels, the lines of a log, how to get help or to ignore it.
_BEFORE = re.compile(r"^(?:\w+: )*(?:error|fatal): ", re.IGNORECASE)
_LOG = re.compile(r"^[EWIF]\d{4} \d\d:\d\d:")
_AFTER = re.compile(r"; if you choose to ignore these errors.*")
_HELP = re.compile(r"^Try .* for more information")
_NO_CLUSTER = re.compile(
    r"refused|unknown host|no such host|unable to (connect|contact)|could not establish|timed? ?out", re.IGNORECASE
)


def run(engine: str, words: Sequence[str], *, advice: str, no_cluster: str, text: str | None = None) -> str:
    """Run a program of an engine; return what it printed.

    Args:
        engine: the engine, for messages.
        words: the program and its arguments.
        advice: what to do where the program is missing.
        no_cluster: what to do where the program reaches no cluster.
        text: its standard input.

    Raises:
        EngineMissingError: the program is not on this machine.
        EngineError: it failed, or did not answer within a minute.
    """
    program = shutil.which(words[0])
    if program is None:
        raise EngineMissingError(program=words[0], advice=advice)
    try:
        done = subprocess.run(  # noqa: S603  # a program of the engine, and words without a shell
            [program, *words[1:]],
            input=text or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        detail = f"{words[0]} did not answer within {_PATIENCE_S:.0f} s; nothing may have been done"
        raise EngineError(engine=engine, detail=detail) from None
    if done.returncode != 0:
        said = what_is_wrong(done.stderr) or what_is_wrong(done.stdout) or f"exit code {done.returncode}"
        if _NO_CLUSTER.search(said):
            raise EngineError(engine=engine, detail=f"{words[0]} reaches no cluster: {said}; {no_cluster}")
        raise EngineError(engine=engine, detail=f"{words[0]} refuses: {said}")
    return done.stdout


def what_is_wrong(printed: str) -> str:
    """Return what a program says is wrong, as one line without what it says around it; empty when it says nothing."""
    lines = [line.strip() for line in printed.splitlines() if line.strip() and not _HELP.match(line.strip())]
    lines = [line for line in lines if ": fatal: " in line] or lines
    lines = [line for line in lines if not _LOG.match(line)] or lines[-1:]
    told = dict.fromkeys(_AFTER.sub("", _BEFORE.sub("", line)) for line in lines)
    return one_line("; ".join(told))[:_SHOWN_CHARACTERS]
