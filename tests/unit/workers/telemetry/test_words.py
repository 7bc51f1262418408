"""The log of a worker in words: a line for each job, and sentences."""

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from tests.support import lab
from themis.core.config import RuntimeConfig
from themis.core.stores.job_rows import JobRow, job_key
from themis.core.stores.reading import StoreLocation
from themis.core.submission import run_worker_once, submit_experiment
from themis_workers.telemetry import logs
from themis_workers.telemetry.job_line import line_of

pytestmark = pytest.mark.usefixtures("in_utc")


class Terminal(StringIO):
    """A stream that is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def said() -> Iterator[StringIO]:
    stream = StringIO()
    logs.configure("words", stream, "anna")
    yield stream
    logs.configure("text", StringIO(), "anna")


def lines(stream: StringIO) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d", "CLOCK", line) for line in stream.getvalue().splitlines()]


def test_what_a_job_begins_with_and_ends_with_is_one_line(said: StringIO) -> None:
    logs.tell("attempt begins", job="4f1c", slot=0)
    logs.tell_job("done", "2/2 cases", "exact_match 1.0000", "(mine, run 77ab, job 4f1c)", "took 3.0 s")
    logs.tell("attempt ended", job="4f1c", state="done")
    assert lines(said) == ["CLOCK  done  2/2 cases  exact_match 1.0000  (mine, run 77ab, job 4f1c)  took 3.0 s"]


def test_an_event_is_a_sentence_with_its_reason_at_the_end(said: StringIO) -> None:
    logs.warn("no jobs are taken", why="the disk is full\nof logs")
    logs.tell("stopping", grace_s=30, tags=["a", "b"])
    logs.tell("it goes on", stop_with="themis worker stop anna")
    logs.tell("worker ends", name="anna", how="clean", exit_code=0, did="1 job: 1 completed")
    assert lines(said) == [
        "CLOCK  warning: no jobs are taken: the disk is full of logs",
        "CLOCK  stopping, grace 30 s, tags a, b",
        "CLOCK  it goes on; stop with: themis worker stop anna",
        "CLOCK  worker ends, name anna, clean, exit code 0; 1 job: 1 completed",
    ]


def test_no_text_moves_the_cursor(said: StringIO) -> None:
    logs.tell_job("failed", "no answer\x1b[2J\nto this")
    assert "\x1b" not in said.getvalue()
    assert said.getvalue().count("\n") == 1


def test_on_a_terminal_states_have_colours_and_lines_are_broken_between_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    logs.configure("words", stream, "anna")
    logs.tell_job("done", "240/240 cases", "math_equivalence 0.9250", "took 3.0 s")
    assert lines(stream) == [
        "CLOCK  \x1b[32mdone\x1b[0m  240/240 cases",
        "          math_equivalence 0.9250  took 3.0 s",
    ]
    logs.configure("text", StringIO(), "anna")
    assert not logs.is_in_words()


def test_the_line_of_a_job_has_its_scores_and_its_name(tmp_path: Path) -> None:
    runtime = RuntimeConfig(queue_root=str(tmp_path / "queue"))
    experiment = lab.experiment(path=tmp_path / "runs.sqlite3", runtime=runtime)
    run_id = submit_experiment(experiment, mode="worker_pool").run_id
    run_worker_once(tmp_path / "queue")
    location = StoreLocation("sqlite", str(tmp_path / "runs.sqlite3"))
    found = line_of(row(run_id), location, 3.0)
    assert found == [
        "done",
        "3/3 cases",
        "exact_match 1.0000",
        f"(demo_generator-on-lab, run {run_id[:8]}, job {job_key(run_id, 's')[:8]})",
        "took 3.0 s",
    ]


def test_the_line_of_a_job_that_failed_says_why_even_when_its_store_is_gone(tmp_path: Path) -> None:
    failed = row("ab" * 32)._replace(state="queued", ready_ns=1_800_000_000 * 10**9, cause="transient", message="hot")
    state, _, took, why, again = line_of(failed, StoreLocation("sqlite", str(tmp_path / "gone")), 0.5)
    assert (state, took, why) == ("waiting", "took 500 ms", "transient: hot")
    assert again == "tries again at 2027-01-15 08:00:00 UTC"
    assert not (tmp_path / "gone").exists()


def row(run_id: str) -> JobRow:
    key = job_key(run_id, "s")
    return JobRow(key, run_id, "q", "", 1, "done", 1, 5, 0, None, 3, 3, None, None)
