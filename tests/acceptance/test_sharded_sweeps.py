"""Runs of a sweep, each in several jobs: submitted by one command; where their group is meant, runs are counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from themis.core.sweeps import submit_sweep

Themis = Any
"""The fixture's class: see conftest."""

PUPILS = '''
def answer(prompt, case, ctx, params):
    """Right where the number of the case is smaller than the skill."""
    if params.get("broken"):
        raise LookupError("as the test says")
    return case.expected_output if int(case.case_id) < params["skill"] else "?"
'''
SWEEP = ("--sweep", "generation.generator.with.params={skill: 1},{skill: 2}", "--sweep", "seeds=[1],[2]")


@pytest.fixture
def pupils(themis: Themis) -> Themis:
    Path("pupils_in_shards.py").write_text(PUPILS)
    generator = {
        "use": "callable",
        "with": {"target": "pupils_in_shards:answer", "model_id": "p", "params": {"skill": 1}},
    }
    cases = [{"case_id": str(number), "input": f"{number}?", "expected_output": "yes"} for number in range(4)]
    document = {
        "generation": {"generator": generator},
        "evaluation": {"metrics": ["builtin/exact_match"]},
        "storage": {"store": "sqlite"},
        "datasets": [{"dataset_id": "d", "cases": cases}],
    }
    themis.write("pupils.yaml", document)
    return themis


def rows_of(done: Any) -> list[dict[str, Any]]:
    """The objects that a command has printed, a line each."""
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def drain(themis: Themis) -> int:
    """Run the jobs that wait, in this process; returns how many there were."""
    count = 0
    while themis("worker", "run").document["status"] != "idle":
        count += 1
    return count


def test_each_run_of_a_sweep_is_in_shards_and_the_group_counts_runs(pupils: Themis) -> None:
    rows = rows_of(pupils("submit", "pupils.yaml", *SWEEP[:2], "--shards", "2", "--group", "g"))
    assert [(row["shards"], row["new"], row["status"]) for row in rows] == [(2, True, "pending")] * 2
    listed = pupils("queue", "list", "--json").document["jobs"]
    assert len(listed) == 4
    assert {job["key"].partition(".")[2] for job in listed} == {"s001of002", "s002of002"}

    done = pupils("submit", "pupils.yaml", *SWEEP[:2], "--shards", "2", "--group", "g")
    assert [(row["new"], row["status"]) for row in rows_of(done)] == [(False, "pending")] * 2
    assert "group g: 0 new, 2 submitted before and queued" in done.err

    status = pupils("status", "group:g", "--json").document
    assert (status["total_runs"], status["states"]) == (2, {"queued": 2})
    assert pupils("worker", "run").code == 0
    assert pupils("status", "group:g", "--json").document["states"] == {"queued": 2}
    done = pupils("queue", "cancel", "group:g")
    assert "2 cancelled, 0 asked to stop, 0 had ended before" in done.err
    assert len(done.document["jobs"]) == 3
    assert pupils("status", "group:g", "--json").document["states"] == {"cancelled": 2}
    assert "queued again: 2" in pupils("queue", "retry", "group:g").err

    after = pupils("submit", "pupils.yaml", "--set", "seeds=[9]", "--after", "group:g").document["after"]
    assert len(after) == 4, "it waits for each job"
    assert drain(pupils) == 4
    status = pupils("status", "group:g", "--wait", "--json").document
    assert (status["states"], status["metric_means"]) == ({"completed": 2}, {"builtin/exact_match": 0.375})
    assert len(pupils("compare", "group:g", "--json").document["comparisons"]) == 1
    reported = pupils("report", "group:g", "--format", "jsonl").out.splitlines()
    assert len({json.loads(line)["run_id"] for line in reported}) == 2


def test_rows_in_shards_are_all_refused_when_one_of_them_is(pupils: Themis) -> None:
    done = pupils("submit", "pupils.yaml", *SWEEP, "--shards", "5")
    assert done.code == 2
    assert "pupils.yaml, row params=" in done.err
    assert "shards: 5 shards are more than the 4 cases of the run" in done.err
    assert pupils("submit", "pupils.yaml", *SWEEP, "--shards", "5", "--dry-run").code == 2
    assert pupils("submit", "pupils.yaml", "--sweep", "seeds=[1],[4]", "--mode", "batch", "--shards", "2").code == 2
    assert pupils("queue", "list", "--json").document["jobs"] == []
    rows_of(pupils("submit", "pupils.yaml", "--sweep", "seeds=[1],[4]", "--shards", "2"))
    done = pupils("submit", "pupils.yaml", "--sweep", "seeds=[2],[1]", "--shards", "3")
    assert (done.code, "is in the queue in 2 shards, 2 of which have not ended" in done.err) == (2, True)
    assert len(pupils("queue", "list", "--json").document["jobs"]) == 4
    settings = ("--set", "runtime.existing_run_policy=error")
    done = pupils("submit", "pupils.yaml", "--sweep", "seeds=[5],[1]", "--shards", "2", *settings)
    assert (done.code, "exists already (queued)" in done.err) == (2, True)


def test_several_config_files_are_submitted_in_shards_or_none_of_them_is(pupils: Themis) -> None:
    done = pupils("submit", "pupils.yaml", "experiment.yaml", "--shards", "3")  # which has two cases
    assert (done.code, "experiment.yaml: shards: 3 shards are more than the 2 cases of the run" in done.err) == (
        2,
        True,
    )
    assert not Path("runs").exists()
    done = pupils("submit", "pupils.yaml", "experiment.yaml", "--shards", "2")
    assert [row["shards"] for row in rows_of(done)] == [2, 2]
    assert len(pupils("queue", "list", "--json").document["jobs"]) == 4


def test_the_rows_of_a_file_are_submitted_in_shards(pupils: Themis) -> None:
    pupils.write("seeds.yaml", {"rows": {"seeds": [[1], [2], [3]]}})
    rows = rows_of(pupils("submit", "pupils.yaml", "--sweep-file", "seeds.yaml", "--shards", "4"))
    assert [row["shards"] for row in rows] == [4] * 3
    assert len(pupils("queue", "list", "--json").document["jobs"]) == 12


def test_a_retry_of_a_group_tries_all_failed_cases_of_its_runs(pupils: Themis) -> None:
    broken = ("--sweep", "generation.generator.with.params={skill: 1, broken: true}", "--sweep", "seeds=[1],[2]")
    settings = ("--set", "runtime.max_failed_share=0.5", "--set", "runtime.max_attempts=1")
    rows_of(pupils("submit", "pupils.yaml", *broken, *settings, "--shards", "2", "--group", "g"))
    assert drain(pupils) == 4
    assert pupils("status", "group:g", "--json").document["states"] == {"failed": 2}
    assert "queued again: 2" in pupils("queue", "retry", "group:g").err
    states = [job["state"] for job in pupils("queue", "list", "--json").document["jobs"]]
    assert states == ["queued"] * 4


def test_a_sweep_of_python_is_in_shards(pupils: Themis) -> None:
    found = submit_sweep("pupils.yaml", {"seeds": [[1], [2]]}, group="py", shards=3)
    assert [(one.shards, one.status) for one in found.submissions] == [(3, "pending")] * 2
    assert found.new == ["seeds=[1]", "seeds=[2]"]
    again = submit_sweep("pupils.yaml", {"seeds": [[1], [2], [3]]}, group="py", shards=3)
    assert again.new == ["seeds=[3]"]
    assert drain(pupils) == 9


@pytest.mark.slow
def test_a_sweep_in_shards_is_submitted_to_a_queue_of_rows_too(pupils: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWS_DB", postgres_server.schema_url())
    place = (
        *("--set", "storage={store: postgres, parameters: {url: 'env:ROWS_DB'}}"),
        *("--set", "runtime.queue_root=store"),
    )
    rows = rows_of(pupils("submit", "pupils.yaml", *SWEEP, *place, "--shards", "2"))
    assert [(row["shards"], row["manifest_path"], row["new"]) for row in rows] == [(2, None, True)] * 4
    again = rows_of(pupils("submit", "pupils.yaml", *SWEEP, *place, "--shards", "2"))
    assert [row["new"] for row in again] == [False] * 4
    queue = ("--queue-root", "store:env:ROWS_DB")
    assert pupils("status", "group:pupils", *queue, "--json").document["states"] == {"queued": 4}
    assert "4 cancelled" in pupils("queue", "cancel", "group:pupils", *queue).err
    assert "queued again: 4" in pupils("queue", "retry", "group:pupils", *queue).err
    for _ in range(8):
        assert pupils("worker", "run", *queue).code == 0
    assert pupils("status", "group:pupils", *queue, "--json").document["states"] == {"completed": 4}
