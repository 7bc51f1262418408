"""Hook: a command that is run when a job has ended, without a shell, in its own process group, with a time limit."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

from themis.core.configuration.secrets import is_reference, resolve_references
from themis.core.errors import ConfigError, MissingSecretError
from themis.core.text.lines import one_line
from themis_workers.notifications.event import JobEnded
from themis_workers.telemetry import logs

LIMIT_S = 30.0
"""Seconds after which a hook is killed, with its whole process group."""

_WHERE = "hook"
_LOOK_EVERY_S = 0.02
_CHUNK_BYTES = 65_536  # per read: a hook that prints a lot waits for its reader, and uses no CPU
_TAIL_BYTES = 4_096
_TAIL_LINES = 10


class Hook:
    """A command to run for each ended job.

    It reads the event as JSON on standard input, and finds THEMIS_KEY, THEMIS_RUN_ID, THEMIS_NAME, THEMIS_STATE and
    THEMIS_REASON in its environment. The last lines of its output are logged.

    Args:
        command: split into words as a shell would; references in a word are resolved at each run.
        limit_s: see `LIMIT_S`.

    Raises:
        ConfigError: the command is invalid, its program cannot be found, or a secret that it names is not set.
    """

    def __init__(self, command: str, *, limit_s: float = LIMIT_S) -> None:
        self._words = _split(command)
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None

    def deliver(self, event: JobEnded, closing: threading.Event) -> None:
        """Run the command, wait until it ends, and log the result; a failure raises nothing."""
        del closing
        began_s = time.monotonic()
        try:
            exit_code, output = self._run(event)
        except (OSError, MissingSecretError) as error:
            logs.warn(
                "hook failed", key=event.key, hook=self._words[0], error=getattr(error, "strerror", None) or error
            )
            return
        level, outcome = (logs.INFO, "hook ran") if exit_code == 0 else (logs.WARNING, "hook failed")
        facts = {"exit_code": exit_code, "took_s": round(time.monotonic() - began_s, 3), "output": output or None}
        logs.tell(outcome, level=level, key=event.key, hook=self._words[0], **facts)

    def abandon(self) -> None:
        """Kill the command if it is running."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def _run(self, event: JobEnded) -> tuple[int, list[str]]:
        """Run the command; returns its exit code, negative for a signal, and the last lines of its output."""
        words = [resolve_references(word, where=_WHERE) for word in self._words]
        with _readable(event.to_json()) as standard_input:
            process = subprocess.Popen(  # noqa: S603  # the operator's own command, without a shell
                words,
                stdin=standard_input,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | _variables(event),
            )
        self._process = process
        try:
            return self._wait(process)
        finally:
            self._process = None

    def _wait(self, process: "subprocess.Popen[bytes]") -> tuple[int, list[str]]:
        until_s, tail = time.monotonic() + self._limit_s, b""
        with process.stdout as output:  # type: ignore[union-attr]  # it is a pipe
            os.set_blocking(output.fileno(), False)  # a child that it leaves behind may hold the pipe open
            while not _has_ended(process):
                tail = _read(output.fileno(), tail)
                if time.monotonic() >= until_s:
                    self.abandon()
                    process.wait()
                    logs.warn("hook killed", hook=self._words[0], limit_s=self._limit_s)
            tail = _read(output.fileno(), tail)
        return process.returncode, tail.decode(errors="replace").splitlines()[-_TAIL_LINES:]


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(where=_WHERE, detail=f"is not a valid command line: {error}") from None
    if not words or "\0" in command:
        raise ConfigError(where=_WHERE, detail="is not a valid command line: it must name a program")
    for word in words:
        resolve_references(word, where=_WHERE)
    if not is_reference(words[0]) and shutil.which(words[0]) is None:
        raise ConfigError(where=_WHERE, detail=f"{words[0]!r} is not an executable program; no shell is used")
    return words


def _variables(event: JobEnded) -> dict[str, str]:
    """Environment variables for simple hooks."""
    found = {
        "KEY": event.key,
        "RUN_ID": event.run_id,
        "NAME": event.name or "",
        "STATE": event.state,
        "REASON": event.reason,
    }
    return {f"THEMIS_{name}": one_line(value) for name, value in found.items()}


@contextlib.contextmanager
def _readable(data: bytes) -> Iterator[int]:
    """A descriptor to read `data` from; in memory, as a pipe can block its writer and a disk may be full."""
    descriptor = os.memfd_create("event")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_LOOK_EVERY_S)
    return process.returncode is not None


def _read(descriptor: int, tail: bytes) -> bytes:
    """Append the data that can be read now to `tail`; returns the end of both."""
    try:
        return (tail + os.read(descriptor, _CHUNK_BYTES))[-_TAIL_BYTES:]
    except BlockingIOError:
        return tail
