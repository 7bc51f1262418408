"""Conversion of an exception to one line on standard error and an exit code."""

import os
import re
import sys
import traceback
from typing import Any

import click

from themis.cli.terminal.output import DEBUG_VARIABLE, note, note_lines, one_line
from themis.core.errors import ThemisError, UnwritableOutputError

_NOT_A_NUMBER = re.compile(r" is not a valid (?:integer|float)(?: range)?| is not in the range \S+")

INTERNAL_ERROR = 1
BAD_INPUT = 2
BAD_NEWS = RUN_FAILED = 3
"""The command did its work, but found problems."""
UNAVAILABLE = 4
TIMED_OUT = 124
INTERRUPTED = 130
BROKEN_PIPE = 141


def report(error: BaseException) -> int:
    """Print an error on standard error and return the exit code.

    The traceback is shown, above the line, only if the environment sets THEMIS_DEBUG.
    """
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        _close_pipe()
        return BROKEN_PIPE
    if os.environ.get(DEBUG_VARIABLE):
        note_lines("".join(traceback.format_exception(error)))
    if isinstance(error, UnwritableOutputError):
        _close_pipe()
    message, code = _explained(error)
    note(message)
    return code


def _explained(error: BaseException) -> tuple[str, int]:
    """The line and the exit code of an error."""
    if isinstance(error, KeyboardInterrupt | click.exceptions.Abort) or isinstance(error.__cause__, KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    if isinstance(error, click.ClickException):
        return f"error: {_usage(error)}", BAD_INPUT
    if isinstance(error, ThemisError):
        return f"error: {error}", error.exit_code
    if isinstance(error, OSError) and error.errno is not None:
        place = f"{error.filename}: " if error.filename else ""
        return f"error: {place}{error.strerror}", UNAVAILABLE
    text = one_line(str(error))
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"internal error: {what} (set {DEBUG_VARIABLE}=1 to see where)", INTERNAL_ERROR


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if isinstance(error, click.BadParameter) and error.param is not None and (plain := _plain(error.param.type)):
        message = _NOT_A_NUMBER.sub(f" is not {plain}", message)
    if not context:
        return message
    see = f"see {context.command_path} --help"
    return f"{message} S{see[1:]}" if message.endswith("?") else f"{message.rstrip('.')}; {see}"


def _plain(kind: "click.ParamType[Any]") -> str | None:
    """The numbers that an option takes, in words; None for an option that takes others."""
    if not isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        return None
    name = "a whole number" if isinstance(kind, click.types.IntParamType) else "a number"
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    if least is not None and most is not None:
        return f"{name} from {least} to {most}"
    return name if least is None else f"{name} of at least {least}"


def _close_pipe() -> None:
    """Redirect standard output, whose reader is gone, to nowhere, for the interpreter's last flush too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
