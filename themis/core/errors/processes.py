"""Errors of workers, and of a command's output."""

from themis.core.errors.base import InputError, StateError, UnavailableError


class WorkerNameError(InputError):
    """worker {name!r}: {detail}"""


class ForbiddenAddressError(StateError):
    """{host} resolves to {address}, a {kind} address; nothing is sent there"""


class MessageError(StateError):
    """a worker process received a message that it does not understand: {detail}; if Themis was upgraded, restart the worker"""


class IsolationError(InputError):
    """--isolation {isolation} is not possible here: {why}; use --isolation auto, the best that this machine permits"""


class SlotLostError(UnavailableError):
    """slot {slot} was lost and could not be replaced, {times} times in a row: {detail}"""


class ClosedOutputError(InputError):
    """standard output is closed, so nothing can be printed; redirect it to a file or to /dev/null"""


class TextOnlyOutputError(InputError):
    """what this command prints is not text, and a terminal shows only text; redirect it to a file, as in > FILE"""


class UnwritableOutputError(UnavailableError):
    """standard output cannot be written: {detail}"""
