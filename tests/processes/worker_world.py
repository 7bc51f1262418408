"""Worker daemons as real processes, and experiments that misbehave in ways that a case's input names."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ordinary_user
from tests.support.waiting import text_of, until
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.experiment import Experiment
from themis.core.jobs.store_cache import StoreCache
from themis.core.models import Case, Dataset
from themis.core.queue import FileQueue
from themis.core.queue.admin.details import JobDetails
from themis.core.submission import submit_experiment

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 60.0

MISBEHAVING = """
import asyncio, ctypes, json, os, re, signal, subprocess, sys, time
from pathlib import Path
from themis.core.models import GenerationResult

HERE = Path(__file__).parent
HOLD = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

def note(name, pid):
    (HERE / name).write_text(str(pid))

def be_deaf():
    # Not by Python's module, which may be used in the main thread alone: components like this one are called elsewhere.
    ctypes.CDLL(None).signal(int(signal.SIGTERM), 1)

def grandchild(name, **how):
    note(name, subprocess.Popen([sys.executable, "-c", HOLD, str(HERE)], **how).pid)

def files():
    return [path for path in Path("/proc/self/fd").iterdir() if path.exists() or path.is_symlink()]

def open_file(path):
    try:
        return re.sub("[0-9a-f]{16,}|[0-9]+", "N", os.readlink(path))
    except OSError:
        return "the listing itself"

def deeds(name):
    if name == "well":
        return "well"
    if name == "segfault":
        ctypes.string_at(0)
    if name == "exit":
        os._exit(0)
    if name == "exit 3":
        os._exit(3)
    if name == "kill itself":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "kill itself until mended":
        if not (HERE / "mended").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return "well"
    if name == "kill its group":
        os.killpg(0, signal.SIGKILL)
    if name == "kill its parent":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if name == "stop itself":
        os.kill(os.getpid(), signal.SIGSTOP)
    if name == "eat memory":
        eaten = []
        while True:
            eaten.append(bytearray(os.urandom(1_000_000)))
    if name == "eat memory in a child":
        code = "import os\\neaten = []\\nwhile True: eaten.append(bytearray(os.urandom(1_000_000)))"
        subprocess.run([sys.executable, "-c", code])
        time.sleep(60)
    if name == "fork without end":
        for _ in range(40):
            if os.fork() == 0:
                os.setsid()
                while True:
                    if os.fork() == 0:
                        time.sleep(600)
                    time.sleep(0.05)
        note("forked", os.getpid())
        time.sleep(600)
    if name == "leave a grandchild":
        grandchild("grandchild", start_new_session=True)
        return "well"
    if name == "leave a child":
        grandchild("child")
        return "well"
    if name == "leave a child, then hang":
        grandchild("grandchild")
        be_deaf()
        time.sleep(600)
    if name == "leave a grandchild, then hang":
        grandchild("grandchild", start_new_session=True)
        be_deaf()
        time.sleep(600)
    if name == "hang":
        note("hanging", os.getpid())
        time.sleep(600)
    if name == "hang deaf":
        be_deaf()
        note("hanging", os.getpid())
        while True:
            time.sleep(600)
    if name.startswith("raise "):
        raise RuntimeError(name.removeprefix("raise "))
    if name.startswith("take "):
        time.sleep(float(name.split()[1]))
        return "well"
    if name == "tell its environment":
        (HERE / "environment").write_text(json.dumps(dict(os.environ)))
        return "well"
    if name == "tell what it finds":
        handlers = {int(number): str(signal.getsignal(number)).split(" at ")[0] for number in signal.valid_signals()}
        main = sys.modules["__main__"]
        found = [handlers, sys.argv[0], vars(main).get("__file__"), str(main.__spec__), sorted(map(open_file, files()))]
        with open(HERE / "found", "a") as file:
            file.write(json.dumps(found) + "\\n")
        return "well"
    if name == "flood":
        for _ in range(2_000):
            os.write(1, b"x" * 9_999 + b"\\n")
        return "well"
    if name == "close everything":
        os.closerange(0, 3)
        time.sleep(1.0)
        return "well"
    if name == "lie":
        os.write(3, b'{"type": "RunEnded", "cause": "done"}' + b"\\n" * 3 + b"[1]\\n" + b"{" * 50_000)
        return "well"
    raise AssertionError(name)

class Misbehaving:
    component_id = "lab/misbehaving"
    version = "1"
    def fingerprint(self):
        return "1"
    async def generate(self, case, ctx):
        with open(HERE / "calls", "a") as calls:
            calls.write(case.case_id + "\\n")
        if case.input.startswith("wait "):
            await asyncio.sleep(float(case.input.split()[1]))
            return GenerationResult(candidate_id=case.case_id, final_output="well")
        if case.input.startswith("until "):
            while not (HERE / case.input.split()[1]).exists():
                await asyncio.sleep(0.02)
            return GenerationResult(candidate_id=case.case_id, final_output="well")
        return GenerationResult(candidate_id=case.case_id, final_output=deeds(case.input))
"""


@dataclass
class World:
    """A folder with a queue, a store and a module of misbehaving components.

    Attributes:
        user: who daemons run as: whoever runs the test, or somebody `ordinary`.
        metric: of the experiments that are submitted.
    """

    folder: Path
    user: str = ""
    metric: str = "builtin/exact_match"

    @property
    def queue_root(self) -> Path:
        return self.folder / "queue"

    @property
    def store_path(self) -> Path:
        return self.folder / "themis.sqlite3"

    def prepare(self) -> None:
        (self.folder / "misbehaving.py").write_text(MISBEHAVING)

    def submit(self, deed: str, *more: str, **runtime: object) -> str:
        """Queue an experiment of a case a deed; returns the job's key."""
        deeds = [deed, *more]
        experiment = Experiment(
            generation=GenerationConfig(generator="misbehaving:Misbehaving"),
            evaluation=EvaluationConfig(metrics=[self.metric], parsers=["builtin/json_identity"]),
            storage=StorageConfig(store="sqlite", parameters={"path": str(self.store_path)}),
            runtime=RuntimeConfig.model_validate(
                {"queue_root": str(self.queue_root), "max_attempts": 1, "max_concurrent_tasks": 1, **runtime}
            ),
            datasets=[
                Dataset(
                    dataset_id=" ".join(deeds).replace("\0", ""),
                    cases=[Case(case_id=f"c{no}", input=deed, expected_output="well") for no, deed in enumerate(deeds)],
                )
            ],
        )
        sys.path.insert(0, str(self.folder))
        try:
            sys.modules.pop("misbehaving", None)
            manifest = submit_experiment(experiment)
        finally:
            sys.path.remove(str(self.folder))
        return manifest.manifest_path.stem.rpartition("-")[2]

    def config(self, name: str, *deeds: str, **runtime: object) -> Path:
        """The config file of an experiment; its cases are called `<name>-0` and so on."""
        cases = [{"case_id": f"{name}-{no}", "input": deed, "expected_output": "well"} for no, deed in enumerate(deeds)]
        document = {
            "generation": {"generator": "misbehaving:Misbehaving"},
            "evaluation": {"metrics": ["builtin/exact_match"], "parsers": ["builtin/json_identity"]},
            "storage": {"store": "sqlite", "parameters": {"path": str(self.store_path)}},
            "runtime": {"queue_root": str(self.queue_root), "max_concurrent_tasks": 1, **runtime},
            "datasets": [{"dataset_id": name, "cases": cases}],
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(document))
        return path

    def show(self, key: str) -> JobDetails:
        stores = StoreCache()
        try:
            return FileQueue(self.queue_root, stores).admin.show(key)
        finally:
            stores.close()

    def state(self, key: str) -> str:
        return str(self.show(key).row.state)

    def wait_for(self, key: str, *states: str) -> JobDetails:
        """The job, as soon as it is in one of `states`."""
        until(lambda: self.state(key) in states, f"job {key} to be {' or '.join(states)}")
        return self.show(key)

    def noted(self, name: str) -> int:
        """The process that a component noted under a name, as soon as it has."""
        return int(text_of(self.folder / name, PATIENCE_S))

    def command_prefix(self) -> Sequence[str]:
        """What to put before a command so that this world's user runs it."""
        return ordinary_user.command_prefix(REPOSITORY, self.folder) if self.user else ()

    @contextlib.contextmanager
    def daemon(self, *options: str) -> Iterator["subprocess.Popen[str]"]:
        """A worker daemon; it is killed at the end of the block, if it has not ended by itself."""
        if self.user:
            ordinary_user.hand_over(self.folder)
        if "namespace" in options and not _namespaces_are_permitted(self):
            pytest.skip("this user may make no PID namespace here")
        python = [*self.command_prefix(), sys.executable]
        command = [*python, "-m", "themis", "worker", "--queue-root", str(self.queue_root), *options]
        environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{self.folder}"}
        log = (self.folder / "daemon.log").open("a", encoding="utf-8")
        with log, subprocess.Popen(command, stderr=log, stdout=log, text=True, env=environment, cwd="/") as process:
            try:
                yield process
            finally:
                process.kill()

    def themis(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command, run to its end."""
        command = [sys.executable, "-m", "themis", *arguments]
        environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{self.folder}"}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=environment, cwd="/"
        )

    def said(self) -> str:
        """What the daemons have said."""
        return (self.folder / "daemon.log").read_text(encoding="utf-8")


def _namespaces_are_permitted(world: World) -> bool:
    """Whether the world's user may have what `--isolation namespace` needs."""
    program = "import sys; from themis_workers import capabilities as c; sys.exit(c.namespaces_refused() is not None)"
    command = [*world.command_prefix(), sys.executable, "-c", program]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False).returncode == 0


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has buried counts as ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


def processes_with(text: str) -> list[int]:
    """Processes whose command line or environment names `text`, this one and its parents apart."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and int(path.name) != os.getpid():
            with contextlib.suppress(OSError):
                if text.encode() in (path / "environ").read_bytes() and not is_gone(int(path.name)):
                    found.append(int(path.name))
    return found


def stop(process: "subprocess.Popen[str]", *, times: int = 1, patience_s: float = PATIENCE_S) -> int:
    """Ask a daemon to end; its exit code."""
    for _ in range(times):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3 if times > 1 else 0.0)
    return process.wait(patience_s)
