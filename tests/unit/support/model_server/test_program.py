"""The server as a program, and the loops that benchmarks ask it with."""

import json
import subprocess
import sys

import pytest

from tests.benchmarks.asking import Measured
from tests.benchmarks.bare_loop import bare_loop
from tests.benchmarks.sdk_loop import sdk_loop
from tests.support.model_server.failures import throttled
from tests.support.model_server.process import TOP, model_server_process

STEPS = [throttled(30), "one"]
"""Given to a program by its name."""


@pytest.mark.parametrize("loop", [bare_loop, sdk_loop])
@pytest.mark.slow
def test_a_loop_asks_each_question_once_with_so_many_in_flight(loop: object) -> None:
    assert callable(loop)
    with model_server_process("--bare", "--latency-ms", "50") as server:
        found = loop(server.openai_url, 40, 8)
        said = server.summary()
        assert server.cpu_s() > 0
    assert isinstance(found, Measured)
    assert found.count == 40
    assert found.per_second == pytest.approx(40 / found.seconds)
    assert found.seconds >= 0.25
    assert said["answered"] == said["questions"] == said["most_in_a_minute"] == 48  # the first 8 open the connections
    assert 1 < said["most_at_once"] <= 8
    assert said["retry_after_violations"] == 0


@pytest.mark.slow
def test_a_loop_fails_with_the_first_question_that_does() -> None:
    for loop in (bare_loop, sdk_loop):
        with model_server_process("--requests-per-minute", "5") as server:
            with pytest.raises(ExceptionGroup, match="unhandled errors"):
                loop(server.openai_url, 10, 1)
            assert server.summary()["answered"] == 5


@pytest.mark.slow
def test_another_process_sees_what_was_asked_and_the_script_is_found_by_its_name() -> None:
    script = "tests.unit.support.model_server.test_program:STEPS"
    with model_server_process("--script", script) as server:
        with pytest.raises(ExceptionGroup):
            bare_loop(server.openai_url, 1, 1)
        bare_loop(server.openai_url, 1, 1)
        rows, said = server.requests(), server.summary()
    assert (said["most_in_a_minute"], said["most_answered_in_a_minute"]) == (3, 2)
    assert said["retry_after_violations"] == 2
    assert [row["status"] for row in rows] == [429, 200, 200]
    assert rows[0]["retry_after_s"] == 30.0
    assert rows[1]["question"].startswith("Question 0: ")


@pytest.mark.not_smoke
def test_the_program_says_where_it_listens_and_ends_at_a_signal() -> None:
    command = [sys.executable, "-m", "tests.support.model_server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TOP) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = json.loads(process.stdout.readline())
        assert said["openai_url"] == said["base_url"] + "/v1"
        process.terminate()
        assert process.wait(30) == 0
        assert process.stdout.read() == process.stderr.read() == ""
