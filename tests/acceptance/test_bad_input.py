"""Bad input is one clear line and the documented exit code; nothing is lost, and the next job is unharmed."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from themis.core.queue.model.manifest_file import MAX_BYTES

Themis = Any
"""The fixture's class: see conftest."""


def bad_config(name: str, content: bytes) -> Callable[[], list[str]]:
    def prepare() -> list[str]:
        Path(name).write_bytes(content)
        return ["run", "--config", name]

    return prepare


def overridden(*overrides: str, command: str = "run") -> Callable[[], list[str]]:
    return lambda: [command, "--config", "experiment.yaml", *(word for o in overrides for word in ("--set", o))]


def with_data(content: bytes) -> Callable[[], list[str]]:
    def prepare() -> list[str]:
        Path("data.jsonl").write_bytes(content)
        return overridden("datasets=[{dataset_id: d, path: data.jsonl}]")()

    return prepare


def with_module(source: str, reference: str) -> Callable[[], list[str]]:
    def prepare() -> list[str]:
        Path(reference.partition(":")[0] + ".py").write_text(source, encoding="utf-8")
        return overridden(f"generation.generator={reference}")()

    return prepare


def words(*given: str) -> Callable[[], list[str]]:
    return lambda: list(given)


def huge_config() -> list[str]:
    with Path("huge.yaml").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    return ["run", "--config", "huge.yaml"]


def pipe_config() -> list[str]:
    os.mkfifo("pipe.yaml")
    return ["run", "--config", "pipe.yaml"]


def queue_file(*command: str) -> Callable[[], list[str]]:
    def prepare() -> list[str]:
        Path("file").touch()
        return list(command)

    return prepare


def corrupt_store(*command: str) -> Callable[[], list[str]]:
    def prepare() -> list[str]:
        Path("runs").mkdir()
        Path("runs/themis.sqlite3").write_bytes(b"SQLite format 3\0" + b"torn" * 1_000)
        return list(command)

    return prepare


BAD_INPUT: dict[str, tuple[Callable[[], list[str]], int, str]] = {
    "no config": (words("run", "--config", "nope.yaml"), 2, "nope.yaml: cannot be read"),
    "a folder for a config": (words("run", "--config", "."), 2, ".: is a folder, not a config file"),
    "an empty config": (bad_config("e.yaml", b""), 2, "e.yaml: is empty"),
    "a huge config": (huge_config, 2, "huge.yaml: is 104,857,600 bytes long"),
    "a pipe for a config": (pipe_config, 2, "pipe.yaml: is not a regular file"),
    "a config that is not a text": (bad_config("e.yaml", b"\xff\xfe\0"), 2, "e.yaml: is not UTF-8 text"),
    "a config that is not a YAML": (bad_config("e.yaml", b"a: [1\nb: 2"), 2, "e.yaml: line 2"),
    "a config that is not a TOML": (bad_config("e.toml", b"a = \n"), 2, "e.toml: not valid TOML"),
    "a config that is a list": (bad_config("e.yaml", b"[1, 2]"), 2, "e.yaml: must be a mapping"),
    "a config of the wrong types": (overridden("seeds=x"), 2, "experiment.yaml: seeds: "),
    "an unknown key": (
        overridden("generation.generatr=x"), 2, "unknown key 'generation.generatr'; did you mean \"generator\"?"
    ),
    "an override without a value": (overridden("seeds"), 2, "override 'seeds': has no ="),
    "a literal secret": (
        overridden("generation.generator={use: 'a:b', with: {api_key: abc}}"), 2, "looks like a secret"
    ),
    "an unknown component": (
        overridden("evaluation.metrics.0=builtin/exact_mach"), 2, 'did you mean "builtin/exact_match"?'
    ),
    "a component that raises on import": (
        with_module("raise RuntimeError('boom')", "module_that_raises:X"), 2, "RuntimeError: boom"
    ),
    "a component that exits on import": (
        with_module("raise SystemExit(0)", "module_that_exits:X"), 2, "cannot import 'module_that_exits:X'"
    ),
    "a component of the wrong kind": (overridden("generation.generator=builtin/exact_match"), 2, "is not a generator"),
    "a module that is not there": (
        overridden("generation.generator=no_such_module:X"), 2, "No module named 'no_such_module'"
    ),
    "an unknown store": (overridden("storage.store=sqlit"), 2, 'did you mean "sqlite"?'),
    "memory submitted": (overridden("storage.store=memory", command="submit"), 2, "use sqlite to submit"),
    "no data": (overridden("datasets=[{dataset_id: d, path: nope.jsonl}]"), 2, "nope.jsonl: cannot be read"),
    "a line that is not JSON": (with_data(b'{"input": 1}\nx\n'), 2, "data.jsonl:2: is not JSON"),
    "a line with NaN": (with_data(b'{"input": NaN}\n'), 2, "data.jsonl:1: holds NaN"),
    "a line with half a character": (with_data(b'{"input": "\\ud800"}\n'), 2, "data.jsonl:1: holds a lone surrogate"),
    "an id twice in a file": (
        with_data(b'{"case_id": "a", "input": 1}\n' * 2), 2, "data.jsonl:2: case id 'a' is used twice"
    ),
    "an id twice in a config": (overridden("datasets.0.cases.1.case_id=one"), 2, "case id 'one' is used twice"),
    "a corrupt store": (corrupt_store("run", "--config", "experiment.yaml"), 4, "not a readable Themis database"),
    "a corrupt store looked at": (corrupt_store("status"), 4, "not a readable Themis database"),
    "a store that cannot be made": (
        overridden("storage.parameters.path=/proc/x.db"), 4, "/proc/x.db: cannot be opened"
    ),
    "a queue that is a file": (queue_file("worker", "run", "--queue-root", "file"), 2, "file: is not a folder"),
    "a queue that is a file listed": (queue_file("queue", "list", "--queue-root", "file"), 2, "file: is not a folder"),
    "a queue in a file": (queue_file(*overridden("runtime.queue_root=file", command="submit")()), 2, "is not a folder"),
    "no queue": (words("queue", "doctor"), 2, "there is no queue"),
    "no request": (words("batch", "run", "--request", "nope.json"), 2, "nope.json: cannot be read"),
    "a request that is none": (words("batch", "run", "--request", "experiment.yaml"), 2, "not valid JSON"),
    "an unknown run": (words("status", "4f1c"), 2, "4f1c: "),
    "init where nothing can be": (words("init", "--path", "/proc/x"), 2, "cannot write"),
    "a demo in a file": (queue_file("demo", "--path", "file"), 2, "file is not a folder"),
}  # fmt: skip


@pytest.mark.few(13)
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_clear_line_and_the_documented_exit_code(name: str, themis: Themis) -> None:
    prepare, code, said = BAD_INPUT[name]
    done = themis(*prepare())
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.startswith("themis: error: ")
    assert done.err.count("\n") == 1
    assert said in done.err


def test_a_queue_whose_folders_lie_on_different_filesystems_is_refused(themis: Themis, tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")  # noqa: S108  # only to have a second filesystem
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second filesystem here")
    themis.submit()
    other = elsewhere / f"themis-test-{os.getpid()}"
    other.mkdir()
    try:
        Path("runs/queue/tmp").rmdir()
        Path("runs/queue/tmp").symlink_to(other)
        done = themis("worker", "run")
        assert done.code == 2
        assert "cannot be used as a queue" in done.err
        assert done.err.count("\n") == 1
    finally:
        other.rmdir()


def copy_of(good: Path, name: str, **changes: Any) -> None:
    document = {**json.loads(good.read_bytes()), **changes}
    (good.parent / name).write_text(json.dumps(document), encoding="utf-8")


NAME = "0-20200101T000000000000000Z-00112233445566aa.json"

BAD_MANIFESTS: dict[str, Callable[[Path], object]] = {
    "a torn one": lambda good: (good.parent / NAME).write_bytes(good.read_bytes()[:100]),
    "an oversized one": lambda good: (good.parent / NAME).write_bytes(b"[" + b" " * MAX_BYTES + b"]"),
    "a deeply nested one": lambda good: (good.parent / NAME).write_bytes(b"[" * 10_000 + b"]" * 10_000),
    "a symbolic link": lambda good: (good.parent / NAME).symlink_to(good),
    "a pipe": lambda good: os.mkfifo(good.parent / NAME),
    "a folder": lambda good: (good.parent / NAME).mkdir(),
    "one under another's name": lambda good: copy_of(good, NAME),
    "one with a strange name": lambda good: copy_of(good, "hello.json"),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("name", BAD_MANIFESTS)
def test_a_bad_manifest_is_set_aside_and_the_next_job_runs(name: str, themis: Themis) -> None:
    _, good = themis.submit()
    BAD_MANIFESTS[name](good)
    assert themis("worker", "run").document["status"] == "completed"
    assert themis("worker", "run").document == {"status": "idle"}
    counts = themis("queue", "list", "--json").document["counts"]
    assert (counts["done"], counts["queued"], counts["rejected"]) == (1, 0, 1)
    assert "Rejected files, and the reasons, are in " in themis("queue", "list").out


def test_a_manifest_of_a_newer_format_is_left_and_the_next_job_runs(themis: Themis) -> None:
    _, good = themis.submit()
    copy_of(good, NAME, format=99)
    assert themis("worker", "run").document["status"] == "completed"
    assert themis("worker", "run").document == {"status": "idle"}
    counts = themis("queue", "list", "--json").document["counts"]
    assert (counts["done"], counts["queued"], counts["rejected"]) == (1, 1, 0)


def test_a_job_whose_component_is_not_here_fails_at_once_and_the_next_runs(themis: Themis, tmp_path: Path) -> None:
    config = themis.failing(of=1, failures=0)
    themis("submit", "--config", config, "--priority", "0")
    themis.submit()
    (tmp_path / "model_of_the_acceptance_tests.py").unlink()
    sys.modules.pop("model_of_the_acceptance_tests", None)
    first = themis("worker", "run")
    assert first.document["status"] == "failed"
    assert "No module named 'model_of_the_acceptance_tests'" in first.err
    assert themis("worker", "run").document["status"] == "completed"
