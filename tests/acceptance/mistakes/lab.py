"""A folder with a small experiment, in which a mistake is made and what is said about it is read."""

import io
import json
import logging
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from tests.acceptance.mistakes.components import COMPONENTS
from tests.support.command_here import Done, done_here
from tests.support.project_copy import PROJECT
from themis.cli.main import main

MAPPED = {"case_id": "id", "input": "question", "expected_output": "answer"}
EXPERIMENT: dict[str, Any] = {
    "generation": {"generator": "builtin/demo_generator"},
    "evaluation": {"metrics": ["builtin/exact_match"]},
    "storage": {"store": "sqlite"},
    "datasets": [{"dataset_id": "q", "path": "q.jsonl", "fields": MAPPED}],
}
QUESTIONS = [{"id": "a", "question": "1 + 1", "answer": "2"}, {"id": "b", "question": "2 + 2", "answer": "4"}]

_NOBODY = 65_534


@dataclass(frozen=True)
class Lab:
    """The folder, and the command in it.

    Attributes:
        folder: with `base.yaml`, `q.jsonl` and `comps.py`.
        capsys: of the test.
    """

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: object, **environment: str) -> Done:
        """Do what a command line says, in this process."""
        with mock.patch.dict(os.environ, environment), without_handlers_of_pytest():
            return done_here(self.folder, [str(word) for word in words], self.capsys)

    def process(self, *words: object, within_s: float = 60.0, **environment: str) -> Done:
        """Do what a command line says in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "themis", *map(str, words)],
            check=False,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
            capture_output=True,
            text=True,
            timeout=within_s,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def stranger(self, *words: str) -> Done:
        """Do what a command line says as a user who owns none of this."""
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=_as_nobody, args=(self.folder, words, theirs))
        process.start()
        theirs.close()
        done = Done(*ours.recv())
        process.join()
        return done

    def run(self, *settings: str, command: str = "run", config: str = "base.yaml") -> Done:
        """Run the experiment with some settings changed."""
        return self(command, "--config", config, *(word for one in settings for word in ("--set", one)))

    def validate(self, *settings: str) -> Done:
        """Check the experiment with some settings changed."""
        return self("config", "validate", "--config", "base.yaml", *(w for one in settings for w in ("--set", one)))

    def submitted(self, *settings: str) -> str:
        """Submit the experiment with some settings changed; returns the key of its job."""
        done = self.run(*settings, command="submit")
        assert done.code == 0, done.err
        return Path(json.loads(done.out)["manifest_path"]).stem.rpartition("-")[2]

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the user's."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def config(self, name: str = "base.yaml", **sections: Any) -> str:
        """Write the experiment with some of its sections replaced; returns the name of the file."""
        self.write(name, yaml.safe_dump({**EXPERIMENT, **sections}, sort_keys=False))
        return name

    def data(self, name: str, content: str | bytes, **more: Any) -> Done:
        """Run over a file of data; a key of the dataset that is None is left out."""
        self.write(name, content)
        dataset = {"dataset_id": "d", "path": name, "fields": MAPPED, **more}
        given = {key: value for key, value in dataset.items() if value is not None}
        return self.run(config=self.config("data.yaml", datasets=[given]))

    def lose_the_store(self) -> None:
        """Remove the file of the results, and what is beside it."""
        for file in (self.folder / "runs").glob("themis.sqlite3*"):
            if file.is_file():
                file.unlink()


Doing = Callable[[Lab], Done]


def lab_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> Lab:
    """Set up the folder."""
    lab = Lab(folder, capsys)
    lab.write("comps.py", COMPONENTS)
    lab.write("q.jsonl", "".join(json.dumps(row) + "\n" for row in QUESTIONS))
    lab.config()
    return lab


def in_python(call: Callable[[], Any]) -> Done:
    """Call something of the library; what it raises is shown as the last line of its traceback."""
    try:
        return Done(0, str(call()), "")
    except Exception as error:  # whichever it is
        return Done(1, "", f"{type(error).__name__}: {error}")


@contextmanager
def without_handlers_of_pytest() -> Iterator[None]:
    """Warnings are printed by the command, as there is no other handler."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = before


def _as_nobody(folder: Path, words: tuple[str, ...], answer: Any) -> None:
    os.chdir(folder)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    logging.getLogger().handlers = []
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    answer.send((code, out.getvalue(), err.getvalue()))
