"""A bug in somebody's component can be found: results name it, the log has its traceback once, the store always."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset, experiment
from themis.core.engine import component_failures
from themis.core.errors import BadResultError
from themis.core.models import Case, Score
from themis.core.python.blamed_place import is_installed as is_installed_file
from themis.core.results import RunResult, StageFailure
from themis.core.stores import InMemoryRunStore


def buggy(case: Case, ctx: Any) -> Any:
    return case.metadata["choices"]  # the line that is to be named


LINE = buggy.__code__.co_firstlineno + 1


def failures(result: RunResult) -> list[StageFailure]:
    return [failure for case in result.cases for failure in case.generation_failures.values()]


def test_a_bug_keeps_its_class_its_file_its_line_and_its_function() -> None:
    failure = failures(experiment(ScriptedGenerator(buggy), datasets=[dataset(1)]).run())[0]
    assert failure.message == failure.summary == f"KeyError: 'choices' (test_component_failures.py:{LINE} in buggy)"
    assert failure.details["at"] == f"test_component_failures.py:{LINE} in buggy"
    assert [failure.details[name] for name in ("file", "line", "function")] == [__file__, LINE, "buggy"]
    text = str(failure.details["traceback"])
    assert f'test_component_failures.py", line {LINE}, in buggy' in text
    assert "stage_runner.py" not in text


def test_what_was_raised_on_purpose_says_what_it_means_and_its_place_is_beside_it() -> None:
    lab = experiment(ScriptedGenerator(lambda case, ctx: RuntimeError("401 invalid key")), datasets=[dataset(1)])
    failure = failures(lab.run())[0]
    assert failure.message == "401 invalid key"
    assert failure.summary.startswith("RuntimeError: 401 invalid key (lab.py:")


def test_the_place_is_in_the_user_s_code_not_in_what_that_called() -> None:
    def calls_a_library(case: Case, ctx: Any) -> Any:
        return json.loads(b"\xff\xfe\xff")

    failure = failures(experiment(ScriptedGenerator(calls_a_library), datasets=[dataset(1)]).run())[0]
    line = calls_a_library.__code__.co_firstlineno + 1
    assert failure.details["at"] == f"test_component_failures.py:{line} in calls_a_library"


@pytest.mark.parametrize(
    ("file", "is_installed"),
    [
        ("<string>", True),
        ("/lab/.venv/lib/python3.11/site-packages/torch/nn.py", True),
        ("/usr/lib/python3/dist-packages/numpy/core.py", True),
        (json.__file__, True),
        ("/lab/models.py", False),
        ("/lab/site-packages.py", False),
    ],
)
def test_what_somebody_else_installed_is_not_the_users_code(file: str, is_installed: bool) -> None:
    assert is_installed_file(file) is is_installed


def test_each_distinct_traceback_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    result = experiment(ScriptedGenerator(buggy), datasets=[dataset(5)]).run()
    (record,) = (record for record in caplog.records if record.name == "themis.engine")
    assert record.levelno == logging.ERROR
    assert f"KeyError: 'choices' (test_component_failures.py:{LINE} in buggy)\nTraceback" in record.getMessage()
    assert all("traceback" in failure.details for failure in failures(result))


def test_only_so_many_tracebacks_are_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component_failures, "MOST_LOGGED", 2)

    def differs(case: Case, ctx: Any) -> Any:
        code = compile("\n" * int(case.case_id[1:]) + "1 / 0", "generated.py", "exec")
        exec(code)  # noqa: S102  # a line of its own for each case

    result = experiment(ScriptedGenerator(differs), datasets=[dataset(4)]).run()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert said[-1].startswith("more tracebacks are not shown")
    assert len({failure.details["at"] for failure in failures(result)}) == 4


def test_a_wrong_path_is_a_bug_although_it_is_tried_again() -> None:
    lab = experiment(ScriptedGenerator(lambda case, ctx: FileNotFoundError(2, "No such file", "w.bin")))
    lab = lab.model_copy(update={"runtime": lab.runtime.model_copy(update={"generation_retry_delay": 0.0})})
    failure = failures(lab.run())[0]
    assert failure.retryable
    assert failure.details["function"] == "Scripted.answer"
    assert failure.summary.startswith("FileNotFoundError: [Errno 2] No such file: 'w.bin' (lab.py:")


@pytest.mark.parametrize(
    "error",
    [TimeoutError("late"), ConnectionError("gone"), BadResultError(component="c", found="dict", expected="Score")],
)
def test_what_passes_and_what_we_raise_ourselves_has_no_traceback(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    lab = experiment(ScriptedGenerator(lambda case, ctx: error), datasets=[dataset(1)])
    lab = lab.model_copy(update={"runtime": lab.runtime.model_copy(update={"generation_retry_delay": 0.0})})
    failure = failures(lab.run())[0]
    assert failure.details == {}
    assert failure.message == str(error)
    assert caplog.records == []


def test_an_answer_that_a_model_does_not_take_is_said_in_words() -> None:
    metric = ScriptedMetric(lambda value, case: Score(metric_id="lab/metric", value=float("nan")))
    result = experiment(metrics=[metric], datasets=[dataset(1)]).run()
    failure = result.cases[0].evaluation_failures["lab/metric"]
    assert failure.message.startswith("Score: value must be a finite number, not nan")
    assert "pydantic.dev" not in failure.message
    assert "(test_component_failures.py:" in failure.summary


def test_a_limit_for_a_provider_that_nobody_asks_is_remarked_on(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    generator = ScriptedGenerator()
    generator.provider_key = "openai"  # type: ignore[attr-defined]
    lab = experiment(generator)
    limits = {"provider_rate_limits": {"opneai": 60.0, "openai": 60_000.0}, "provider_concurrency": {"vllm": 2}}
    lab = lab.model_copy(update={"runtime": lab.runtime.model_copy(update=limits)})
    lab.run(store=InMemoryRunStore())
    assert [record.getMessage() for record in caplog.records] == [
        "runtime.provider_concurrency: 'vllm' limits nothing: this run only calls 'openai'",
        "runtime.provider_rate_limits: 'opneai' limits nothing: this run only calls 'openai'; did you mean 'openai'?",
    ]
