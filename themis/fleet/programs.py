"""Programs of an engine, run to their end."""

import shutil
import subprocess
from collections.abc import Sequence

from themis.core.errors import EngineError, EngineMissingError
from themis.core.text.lines import one_line

_PATIENCE_S = 60.0


def run(engine: str, words: Sequence[str], *, advice: str, text: str | None = None) -> str:
    """Run a program of an engine; return what it printed.

    Args:
        engine: the engine, for messages.
        words: the program and its arguments.
        advice: what to do where the program is missing.
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
        said = one_line(done.stderr) or one_line(done.stdout) or f"exit code {done.returncode}"
        raise EngineError(engine=engine, detail=f"{words[0]} refuses: {said}")
    return done.stdout
