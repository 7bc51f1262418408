"""What can be wrong with a worker, and with a command's output."""

from themis.core.errors.base import InputError, StateError, UnavailableError


class WorkerNameError(InputError):
    """worker {name!r}: {detail}"""


class ForbiddenAddressError(StateError):
    """{host} is at {address}, a {kind} address, to which nothing is sent"""


class MessageError(StateError):
    """a process of a worker was told what it does not understand: {detail}; if Themis was upgraded meanwhile, restart the worker"""


class IsolationError(InputError):
    """--isolation {isolation} is not possible here: {why}; use --isolation auto, the best that this machine permits"""


class SlotLostError(UnavailableError):
    """slot {slot} was lost and could not be replaced, {times} times in a row: {detail}"""


class ClosedOutputError(InputError):
    """standard output is closed, so that there is nowhere to print to; send it to a file, or to /dev/null"""


class UnwritableOutputError(UnavailableError):
    """standard output cannot be written: {detail}"""
