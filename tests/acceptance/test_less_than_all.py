"""Less than all: a part of the cases, a dry run, and runs that stop before they have tried everything in vain."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_module import model_module
from tests.support.model_server import Answer, ModelServer
from tests.support.model_server.failures import unauthorized

Themis = Any
"""The fixture's class: see conftest."""

ALL = 20
COUNTING = model_module("""
    with (HERE / "asked").open("a") as file:
        file.write(case.case_id + " " + str(ctx.seed) + "\\n")
    return GenerationResult(candidate_id=case.case_id, final_output=case.expected_output)
""")
CONFIG = ("--config", "counted.yaml")


def write_lab(themis: Themis, *, listed: bool) -> None:
    """A config of 20 cases whose model writes down what it is asked."""
    Path(f"{themis.model_module}.py").write_text(COUNTING)
    cases = [{"case_id": f"q{number}", "input": number, "expected_output": number} for number in range(ALL)]
    Path("cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    document = {
        **themis.experiment,
        "generation": {"generator": f"{themis.model_module}:Model"},
        "datasets": [{"dataset_id": "d", **({"cases": cases} if listed else {"path": "cases.jsonl"})}],
    }
    themis.write("counted.yaml", document)


def asked() -> list[str]:
    """What the model was asked since the last look: a case and a seed each."""
    path = Path("asked")
    found = path.read_text().splitlines() if path.exists() else []
    path.write_text("")
    return found


@pytest.mark.few(2)
@pytest.mark.parametrize("listed", [True, False], ids=["listed", "in a file"])
@pytest.mark.parametrize(
    "words", [["--limit", "5"], ["--sample", "5:3"], ["--case", "q3", "--case", "1:d:q9"]], ids=" ".join
)
def test_a_run_after_a_part_of_it_asks_only_for_the_rest(themis: Themis, words: list[str], *, listed: bool) -> None:
    write_lab(themis, listed=listed)
    whole = themis("run", *CONFIG, "--set", "storage.parameters.path=apart.sqlite3").document
    of_all = asked()
    count = 2 if "--case" in words else 5
    part = themis("run", *CONFIG, *words)
    assert (part.document["total_cases"], part.document["status"]) == (count, "completed")
    assert f"only {count} cases; without {words[0]} a run asks for the rest" in part.err
    first = asked()
    rest_of_it = themis("run", *CONFIG).document
    rest = asked()
    assert (len(first), len(rest)) == (count, ALL - count)
    assert sorted(first + rest) == sorted(of_all)
    assert rest_of_it["run_id"] == whole["run_id"] != part.document["run_id"]
    assert rest_of_it["completed_cases"] == ALL
    assert rest_of_it["name"] == part.document["name"].partition(",")[0]


def test_a_part_is_submitted_and_estimated_as_it_is_run(themis: Themis) -> None:
    write_lab(themis, listed=False)
    estimated = themis("estimate", *CONFIG, "--limit", "5").document
    submitted = themis("submit", *CONFIG, "--limit", "5").document
    assert (estimated["total_cases"], asked()) == (5, [])
    assert themis("worker", "run").document["run_id"] == submitted["run_id"] == estimated["run_id"]
    assert len(asked()) == 5
    themis("submit", *CONFIG)
    assert themis("worker", "run").document["completed_cases"] == ALL
    assert len(asked()) == 15
    assert themis("run", *CONFIG, "--limit", "5").document["run_id"] == submitted["run_id"]
    assert asked() == []


def test_a_name_on_the_command_line_stays_as_it_is_and_one_of_the_file_tells_the_part(themis: Themis) -> None:
    write_lab(themis, listed=False)
    named = themis("run", *CONFIG, "--name", "try", "--limit", "2").document["name"]
    made = themis("run", *CONFIG, "--case", "q7").document["name"]
    Path("named.yaml").write_text(f"name: mine\n{Path('counted.yaml').read_text()}")
    of_file = themis("run", "--config", "named.yaml", "--limit", "3").document["name"]
    assert (named, made, of_file) == ("try", "model-on-d,case=q7", "mine,limit=3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limit", "0"], "Invalid value for '--limit'"),
        (["--sample", "x"], "'x' is not a number of cases, or one with a seed: write it like 50 or 50:7"),
        (["--sample", "5:"], "'5:' is not a number of cases, or one with a seed"),
        (["--sample", "0"], "0 is not a number of cases from 1 to 1,000,000"),
        (["--sample", f"5:{2**70}"], "is not"),
        (["--limit", "5", "--case", "q1"], "--case names the cases; leave out --limit and --sample"),
        (["--case", "q99"], "no case 'q99' in 'd'; give the `case_id` of a case, or its number as in case-1"),
    ],
)
@pytest.mark.parametrize("command", ["run", "submit", "estimate"])
def test_a_part_that_is_none_is_one_clear_line(themis: Themis, command: str, words: list[str], said: str) -> None:
    write_lab(themis, listed=False)
    done = themis(command, *CONFIG, *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert (done.err.count("\n"), asked()) == (1, [])
    assert not Path("runs").exists()


def files() -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file() and "__pycache__" not in str(path)
    }


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(themis: Themis) -> None:
    write_lab(themis, listed=False)
    Path("asked").touch()
    before = files()
    first, submitted = themis("run", *CONFIG, "--dry-run"), themis("submit", *CONFIG, "--dry-run", "--limit", "5")
    assert first.document["dry_run"] is True
    assert (first.document["generation_calls"], first.document["status"]) == (ALL, None)
    assert "dry run, nothing was written and no model asked: model-on-d would run 20 cases" in first.err
    assert "one job would be added to" in submitted.err
    assert submitted.document["folder"] == str(Path("runs/queue").absolute())
    assert files() == before
    real = themis("run", *CONFIG, "--limit", "5").document
    before = files()
    again, rest = themis("run", *CONFIG, "--dry-run", "--limit", "5"), themis("run", *CONFIG, "--dry-run").document
    assert again.document["run_id"] == real["run_id"]
    assert "nothing would be run" in again.err
    assert (rest["generation_calls"], rest["stored_generations"]) == (15, 5)
    assert files() == before


def test_a_dry_run_finds_the_mistakes_that_a_run_would_find(themis: Themis) -> None:
    write_lab(themis, listed=False)
    for command in ("run", "submit"):
        for words, said in (
            (["--set", "generation.generator=nothing/here"], "no component 'nothing/here'"),
            (["--set", "runtime.budget.usd=1"], "runtime.budget"),
            (["--set", "datasets.0.path=gone.jsonl"], "gone.jsonl"),
        ):
            done = themis(command, *CONFIG, "--dry-run", *words)
            assert (done.code, done.out) == (2, "")
            assert said in done.err
    secret = {
        "use": "openai",
        "with": {"model_id": "m", "base_url": "http://127.0.0.1:9/v1", "api_key": "env:NO_SUCH_KEY"},
    }
    themis.write("secret.yaml", {**themis.experiment, "generation": {"generator": secret}})
    done = themis("run", "--config", "secret.yaml", "--dry-run")
    assert (done.code, "the secret NO_SUCH_KEY is not set" in done.err) == (2, True)


def asking(themis: Themis, server: ModelServer, count: int) -> None:
    """A config of so many cases whose model is that of a server."""
    arguments = {"model_id": "m", "base_url": server.openai_url, "api_key": "env:MODEL_KEY"}
    cases = [{"case_id": f"q{number}", "input": f"q{number}", "expected_output": "yes"} for number in range(count)]
    document = {
        **themis.experiment,
        "generation": {"generator": {"use": "openai", "with": arguments}},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    themis.write("asking.yaml", document)


@pytest.mark.few(1)
@pytest.mark.parametrize("count", [3, 1_319])
def test_a_key_that_a_server_refuses_is_not_tried_on_all_cases_and_its_job_not_again(
    themis: Themis, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setenv("MODEL_KEY", "not-the-one")
    with ModelServer(default=unauthorized()) as server:
        asking(themis, server, count)
        key = Path(themis("submit", "--config", "asking.yaml").document["manifest_path"]).stem.rpartition("-")[2]
        themis("worker", "run")
        assert min(count, 5) <= len(server.requests) <= 50
        tried = len(server.requests)
        job = themis("queue", "show", key, "--json").document
        assert (job["state"], job["cause"], job["attempt"]) == ("failed", "authentication", 1)
        assert f"themis queue retry {key} queues it again" in job["why"]
        assert themis("worker", "run").document == {"status": "idle"}
        assert len(server.requests) == tried
        done = themis("run", "--config", "asking.yaml")
        assert done.code == (3 if count < 5 else 4)
        assert "refuses the API key" in done.err
        assert "Traceback" not in done.err


def test_a_run_that_a_refused_key_stopped_continues_with_the_right_one(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", "not-the-one")
    with ModelServer(default=unauthorized()) as server:
        asking(themis, server, 60)
        stopped = themis("run", "--config", "asking.yaml", "--set", "runtime.max_concurrent_tasks=1")
        assert (stopped.code, len(server.requests)) == (4, 5)
        assert "mend the key and start it again: finished cases are stored" in stopped.err
        state = themis("inspect", "state", "--config", "asking.yaml").document
        assert len(state["case_states"]) <= 5, "what was not tried has not failed"
    with ModelServer(default=Answer('"yes"')) as server:
        asking(themis, server, 60)  # another address makes another run
        assert themis("run", "--config", "asking.yaml").document["completed_cases"] == 60


def test_too_many_failed_cases_end_a_run_with_3(themis: Themis) -> None:
    config = themis.failing(of=10, failures=3)
    fine = themis("run", "--config", config, "--set", "runtime.max_failed_share=0.3")
    assert (fine.code, fine.document["status"]) == (0, "partial_failure")
    bad = themis("run", "--config", config, "--set", "runtime.max_failed_share=0.2")
    assert (bad.code, bad.document["status"], bad.document["failed_cases"]) == (3, "failed", 3)
    assert "the run failed: 3 of 10 cases failed, more than runtime.max_failed_share, 0.2, allows" in bad.err


def test_a_run_whose_cases_all_fail_in_one_way_ends_with_3_and_says_how_to_continue(themis: Themis) -> None:
    config = themis.failing(of=1_319, failures=1_319)
    done = themis("run", "--config", config, "--set", "runtime.breaker.failures=7")
    assert (done.code, done.out) == (3, "")
    assert "the run stopped, as generation failed 7 times in a row in the same way" in done.err
    assert "LookupError" in done.err
    assert "a larger runtime.breaker.failures lets more cases fail first" in done.err
