"""The plug-in of pytest, in sessions of its own."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest_plugins = ["pytester"]

MODULE = """
from pathlib import Path

from themis.core.models import GenerationResult, Score


class Model:
    component_id = "test/model"
    version = "1"

    def fingerprint(self):
        return "model"

    async def generate(self, case, ctx):
        with Path("asked").open("a") as asked:
            asked.write(f"{case.case_id}\\n")
        if case.input == "fails":
            raise LookupError("it could not be asked")
        return GenerationResult(candidate_id=case.case_id, final_output=case.input)


class Length:
    component_id = "test/length"
    version = "1"

    def fingerprint(self):
        return "length"

    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=len(parsed.value) / 10)
"""
INPUTS = {"right": "yes", "wrong": "maybe", "broken": "fails"}
"""What the model answers to each case; `yes` is expected."""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder for sessions of pytest in which no plug-in is loaded but the one that is named."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.path.joinpath("parts_of_a_session.py").write_text(MODULE, encoding="utf-8")
    write(pytester, "experiment.yaml", INPUTS)
    return pytester


def write(session: pytest.Pytester, name: str, inputs: dict[str, str], **evaluation: Any) -> None:
    """Write a config whose cases have these inputs."""
    cases = [{"case_id": case_id, "input": text, "expected_output": "yes"} for case_id, text in inputs.items()]
    document = {
        "generation": {"generator": "parts_of_a_session:Model"},
        "evaluation": {"parsers": ["builtin/json_identity"], "metrics": ["builtin/exact_match"], **evaluation},
        "storage": {"store": "sqlite"},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    session.path.joinpath(name).write_text(yaml.safe_dump(document), encoding="utf-8")


def write_policy(session: pytest.Pytester, **limits: Any) -> None:
    rule = {"name": "all", "candidate": "experiment.yaml", **limits}
    document = {"benchmarks": [rule], "decide_by": "mean"}
    session.path.joinpath("gate.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def run(session: pytest.Pytester, *words: str) -> pytest.RunResult:
    return session.runpytest_inprocess("-p", "themis.pytest_plugin.options", *words)


def run_apart(session: pytest.Pytester, *words: str) -> pytest.RunResult:
    """The same, in a process of its own."""
    return session.runpytest_subprocess("-p", "themis.pytest_plugin.options", *words)


def asked(session: pytest.Pytester) -> list[str]:
    file = session.path / "asked"
    return sorted(set(file.read_text(encoding="utf-8").split())) if file.exists() else []


def test_each_case_is_a_test_that_passes_fails_or_is_skipped_as_its_score_says(session: pytest.Pytester) -> None:
    session.makepyfile("def test_of_another_kind(): assert False")
    done = run(session, "--themis-config", "experiment.yaml", "-v", "-rs")
    done.assert_outcomes(passed=1, failed=1, skipped=1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        [
            "experiment.yaml::right PASSED*",
            "experiment.yaml::wrong FAILED*",
            "experiment.yaml::broken SKIPPED*",
            "builtin/exact_match is 0, less than 1",
            "SKIPPED*generation_failure: *it could not be asked*",
        ]
    )
    assert "Traceback" not in done.stdout.str()
    assert asked(session) == ["broken", "right", "wrong"]


@pytest.mark.not_smoke
def test_a_stored_run_is_taken_and_nothing_is_asked_while_tests_are_collected(session: pytest.Pytester) -> None:
    write(session, "experiment.yaml", {"right": "yes", "wrong": "maybe"})
    assert run(session, "--themis-config", "experiment.yaml", "--collect-only").ret == 0
    nothing = run(session, "--themis-config", "experiment.yaml", "--themis-stored")
    nothing.assert_outcomes(errors=2)
    nothing.stdout.fnmatch_lines(["run *: not in this store: there is no *themis.sqlite3 yet"])
    assert "During handling" not in nothing.stdout.str()
    assert asked(session) == []
    run(session, "--themis-config", "experiment.yaml").assert_outcomes(passed=1, failed=1)
    session.path.joinpath("asked").unlink()
    for more in ((), ("--themis-stored",)):
        again = run(session, "--themis-config", "experiment.yaml", "-k", "right", *more)
        again.assert_outcomes(passed=1, deselected=1)
        assert again.ret == 0
    assert asked(session) == []


@pytest.mark.not_smoke
def test_a_metric_and_a_threshold_are_chosen(session: pytest.Pytester) -> None:
    write(session, "experiment.yaml", INPUTS, metrics=["builtin/exact_match", "parts_of_a_session:Length"])
    unsaid = run(session, "--themis-config", "experiment.yaml")
    unsaid.stdout.fnmatch_lines(["*--themis-metric: name one of builtin/exact_match, test/length*"])
    assert unsaid.ret == pytest.ExitCode.INTERRUPTED
    words = ("--themis-config", "experiment.yaml", "--themis-metric", "test/length", "--themis-threshold")
    run(session, *words, "0.3").assert_outcomes(passed=2, skipped=1)
    run(session, *words, "0.4").assert_outcomes(passed=1, failed=1, skipped=1)
    refused = run(session, *words, "nan")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["*'nan' is not a number that a score could be compared with*"])


@pytest.mark.not_smoke
def test_paths_beside_the_experiment_are_collected_too(session: pytest.Pytester) -> None:
    session.makepyfile(test_other="def test_of_another_kind(): assert True")
    done = run(session, "--themis-config", "experiment.yaml", "test_other.py")
    done.assert_outcomes(passed=2, failed=1, skipped=1)
    run(session, "--themis-config", "experiment.yaml", "experiment.yaml::right").assert_outcomes(passed=1)
    run(session, "--themis-config", "experiment.yaml", ".").assert_outcomes(passed=2, failed=1, skipped=1)


def test_a_run_in_which_nothing_is_scored_is_no_success(session: pytest.Pytester) -> None:
    write(session, "experiment.yaml", {"one": "fails", "two": "fails"})
    done = run(session, "--themis-config", "experiment.yaml")
    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(["no case has a score of builtin/exact_match: generation_failure: *"])


@pytest.mark.not_smoke
def test_a_mistake_in_the_config_is_one_line(session: pytest.Pytester) -> None:
    session.path.joinpath("experiment.yaml").write_text("generation: {generatr: x}", encoding="utf-8")
    done = run(session, "--themis-config", "experiment.yaml")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*generatr*"])
    assert "Traceback" not in done.stdout.str()
    assert run(session, "--themis-config", "nowhere.yaml").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    ("limits", "code", "decision"),
    [
        ({"threshold": 0.6}, 3, "no-go"),
        pytest.param({"threshold": 0.4}, 0, "go", marks=pytest.mark.slow),
        pytest.param({"threshold": 0.4, "metric": "test/other"}, 3, "no-go", marks=pytest.mark.slow),
    ],
)
@pytest.mark.not_smoke
def test_the_verdict_of_the_gate_is_the_exit_code(
    session: pytest.Pytester, limits: dict[str, Any], code: int, decision: str
) -> None:
    write_policy(session, **limits)
    done = run(session, "--themis-config", "experiment.yaml", "--themis-gate", "gate.yaml")
    done.assert_outcomes(passed=1, failed=1, skipped=1)
    done.stdout.fnmatch_lines(["*themis gate*", "all (critical): *", decision])
    assert done.ret == code


@pytest.mark.slow
def test_an_undecided_gate_ends_with_8_and_needs_no_tests(session: pytest.Pytester) -> None:
    run(session, "--themis-config", "experiment.yaml")
    write_policy(session, threshold=0.5)
    policy = session.path / "gate.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("mean", "interval"), encoding="utf-8")
    assert run(session, "--themis-gate", "gate.yaml").ret == 8


@pytest.mark.not_smoke
def test_no_verdict_hides_a_failure_that_is_not_a_score(session: pytest.Pytester) -> None:
    write_policy(session, threshold=0.4)
    session.makepyfile(test_other="def test_of_another_kind(): assert False")
    done = run(session, "--themis-config", "experiment.yaml", "--themis-gate", "gate.yaml", "test_other.py")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["not judged: there are failures that are not scores"])
    broken = run(session, "--themis-config", "experiment.yaml", "--themis-gate", "nowhere.yaml")
    assert broken.ret == pytest.ExitCode.USAGE_ERROR
    broken.stdout.fnmatch_lines(["*nowhere.yaml*"])


@pytest.mark.slow
def test_processes_that_share_the_tests_run_the_experiment_once(session: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    write(session, "experiment.yaml", {f"c{number}": "yes" for number in range(6)})
    write_policy(session, threshold=0.9)
    words = ("--themis-config", "experiment.yaml", "--themis-gate", "gate.yaml", "-p", "xdist", "-n", "2")
    done = run_apart(session, *words)
    done.assert_outcomes(passed=6)
    assert done.ret == 0
    assert len((session.path / "asked").read_text(encoding="utf-8").split()) == 6


def test_a_session_without_its_options_imports_nothing_of_themis_but_the_options(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import sys

        AS_IS_THEMIS_ALONE = {"themis", "themis.core", "themis.core.python", "themis.core.python.lazy_names"}

        def test_what_is_loaded():
            found = {name for name in sys.modules if name.partition(".")[0] == "themis"}
            assert found - AS_IS_THEMIS_ALONE == {"themis.pytest_plugin", "themis.pytest_plugin.options"}
            assert "pydantic" not in sys.modules
        """
    )
    done = run_apart(session)
    done.assert_outcomes(passed=1)
    assert done.ret == 0


def test_pytest_finds_the_plug_in_by_its_entry_point() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"themis": "themis.pytest_plugin.options"}
    assert not any("pytest" in requirement for requirement in project["dependencies"])
