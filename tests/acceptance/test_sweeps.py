"""A sweep by one command: its runs are one group, and what is added to it later is all that runs."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from themis import get_run_result, sqlite_store
from themis.core.errors import ConfigError, RunExistsError
from themis.core.queue.transitions import bulk_submitting
from themis.core.sweeps import submit_sweep

Themis = Any
"""The fixture's class: see conftest."""

PUPILS = '''
from pathlib import Path

HERE = Path(__file__).parent


def answer(prompt, case, ctx, params):
    """Right where the number of the case is smaller than the skill, which a good prompt raises by one."""
    with (HERE / "asked").open("a") as file:
        file.write(f"{params['skill']} {case.case_id} {ctx.seed}\\n")
    if params.get("broken"):
        raise LookupError("as the test says")
    skill = params["skill"] + ("steps" in str(prompt))
    return case.expected_output if int(case.case_id) < skill else "?"
'''
CASES = 4
SWEEP = (
    *("--sweep", "generation.generator.with.params={skill: 1},{skill: 2}"),
    *("--sweep", "generation.prompt.system=plain,steps"),
    *("--sweep", "seeds=[1],[2]"),
)


@pytest.fixture
def pupils(themis: Themis) -> Themis:
    Path("pupils_of_sweeps.py").write_text(PUPILS)
    generator = {
        "use": "callable",
        "with": {"target": "pupils_of_sweeps:answer", "model_id": "p", "params": {"skill": 1}},
    }
    cases = [{"case_id": str(number), "input": f"{number}?", "expected_output": "yes"} for number in range(CASES)]
    document = {
        "generation": {"generator": generator, "prompt": {"system": "plain"}},
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


def asked() -> list[str]:
    """What the pupils were asked since the last look."""
    path = Path("asked")
    found = path.read_text().splitlines() if path.exists() else []
    path.write_text("")
    return found


def drain(themis: Themis) -> int:
    """Run the jobs that wait, in this process; returns how many there were."""
    count = 0
    while themis("worker", "run").document["status"] != "idle":
        count += 1
    return count


def test_two_models_two_prompts_and_two_seeds_are_one_command_and_a_third_model_is_all_that_runs_later(
    pupils: Themis,
) -> None:
    done = pupils("submit", "pupils.yaml", *SWEEP)
    rows = rows_of(done)
    assert [row["status"] for row in rows] == ["pending"] * 8
    assert {row["group"] for row in rows} == {"pupils"}
    assert rows[5]["row"] == 'params={"skill": 2},system=plain,seeds=[2]'
    assert len({row["name"] for row in rows}) == 8
    assert "group pupils: 8 new" in done.err
    assert drain(pupils) == 8
    assert len(asked()) == 8 * CASES

    status = pupils("status", "group:pupils", "--json").document
    assert (status["total_runs"], status["states"]) == (8, {"completed": 8})
    assert status["metric_means"] == {"builtin/exact_match": 0.5}
    assert [run["row"] for run in status["runs"]] == [row["row"] for row in rows]

    found = pupils("compare", "group:pupils", "--json").document["comparisons"]
    assert [one["candidate"] for one in found] == [row["row"] for row in rows[1:]]
    assert {one["baseline_run_id"] for one in found} == {rows[0]["run_id"]}
    deltas = [one["metrics"]["builtin/exact_match"]["mean_delta"] for one in found]
    assert deltas == [0, 0.25, 0.25, 0.25, 0.25, 0.5, 0.5]

    more = SWEEP[1].replace("{skill: 2}", "{skill: 2},{skill: 3}")
    again = rows_of(pupils("submit", "pupils.yaml", "--sweep", more, *SWEEP[2:]))
    assert [(row["status"], row["new"]) for row in again] == [("completed", False)] * 8 + [("pending", True)] * 4
    assert drain(pupils) == 4
    assert {line.split()[0] for line in asked()} == {"3"}
    status = pupils("status", "group:pupils", "--json").document
    assert (status["total_runs"], status["states"]) == (12, {"completed": 12})


def test_a_table_for_people_has_a_row_for_each_run_and_its_difference(
    pupils: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    pupils("submit", "pupils.yaml", *SWEEP[:4])
    drain(pupils)
    monkeypatch.setattr("themis.cli.stored.compare.is_for_people", lambda: True)
    lines = pupils("compare", "group:pupils").out.splitlines()
    assert lines[0].split()[:5] == ["run", "row", "metric", "exact_match", "difference"]
    assert [line.split()[-8] for line in lines[2:5]] == ["+0.2500", "+0.2500", "+0.5000"]
    assert "baseline" in lines[1]
    assert "p is adjusted for 3 tests" in lines[-1]


def test_a_run_that_is_named_before_a_group_is_the_baseline_of_all(pupils: Themis) -> None:
    rows = rows_of(pupils("submit", "pupils.yaml", *SWEEP[:4]))
    drain(pupils)
    found = pupils("compare", rows[3]["name"], "group:pupils").document["comparisons"]
    assert {one["baseline_run_id"] for one in found} == {rows[3]["run_id"]}
    assert [one["candidate_run_id"] for one in found] == [row["run_id"] for row in rows[:3]]


def test_one_report_has_a_row_for_each_run_in_each_form(pupils: Themis) -> None:
    rows = rows_of(pupils("submit", "pupils.yaml", *SWEEP[:4], "--group", "mine|all"))
    pupils("worker", "run")
    name = "group:mine|all"
    document = pupils("report", name).document
    assert document["states"] == {"queued": 3, "completed": 1}
    table = list(csv.DictReader(io.StringIO(pupils("report", name, "--format", "csv").out)))
    assert [(row["run_id"], row["state"], row["mean"]) for row in table] == [
        (rows[0]["run_id"], "completed", "0.25"),
        *((row["run_id"], "queued", "") for row in rows[1:]),
    ]
    lines = [json.loads(line) for line in pupils("report", name, "--format", "jsonl").out.splitlines()]
    assert [line["row"] for line in lines] == [row["row"] for row in rows]
    markdown = pupils("report", name, "--format", "markdown-summary").out
    assert markdown.startswith("# Group `mine|all`\n")
    assert markdown.count("| builtin/exact_match | 0.2500 |") == 1
    assert pupils("report", name, "--format", "latex-summary").out.count(r"\\") == 5
    refused = pupils("report", name, "--format", "html")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "a group has no report as html; there are json, jsonl, csv" in refused.err


def test_one_command_waits_for_a_group_and_its_exit_code_is_that_of_the_worst(pupils: Themis) -> None:
    pupils("submit", "pupils.yaml", "--sweep", "seeds=[1],[2]")
    pupils("submit", "pupils.yaml", "--set", "seeds=[3]")
    late = pupils("status", "group:pupils", "--wait", "--timeout", "0.1", "--json")
    assert late.code == 124
    assert "2 of 2 runs of group pupils have not ended within 0.1 s" in late.err
    assert "no worker is running" in late.err
    for _ in range(2):
        pupils("worker", "run")
    assert pupils("status", "group:pupils", "--wait", "--json").document["states"] == {"completed": 2}
    broken = ("--sweep", "generation.generator.with.params={skill: 1, broken: true}", "--group", "bad")
    pupils("submit", "pupils.yaml", *broken, "--set", "runtime.max_failed_share=0", "--set", "runtime.max_attempts=1")
    drain(pupils)
    assert pupils("status", "group:bad", "--wait", "--json").code == 3


def test_one_command_cancels_a_group_and_one_queues_it_again(pupils: Themis) -> None:
    rows = rows_of(pupils("submit", "pupils.yaml", *SWEEP))
    pupils("submit", "pupils.yaml", "--set", "seeds=[9]")
    pupils("worker", "run")
    cancelled = pupils("queue", "cancel", "group:pupils")
    assert "7 cancelled" in cancelled.err
    assert {job["run_id"] for job in cancelled.document["jobs"]} == {row["run_id"] for row in rows[1:]}
    states = pupils("status", "group:pupils", "--json").document["states"]
    assert states == {"cancelled": 7, "completed": 1}
    assert "0 cancelled" in pupils("queue", "cancel", "group:pupils").err
    assert "queued again: 7" in pupils("queue", "retry", "group:pupils").err
    assert drain(pupils) == 8
    assert pupils("status", "group:pupils", "--json").document["states"] == {"completed": 8}


def test_a_run_is_in_each_group_that_it_was_submitted_to_and_groups_are_listed(pupils: Themis) -> None:
    rows = rows_of(pupils("submit", "pupils.yaml", "--sweep", "seeds=[1],[2]"))
    pupils.write("other.yaml", {**pupils.experiment, "name": "sums"})
    pair = rows_of(pupils("submit", "pupils.yaml", "other.yaml", "--set", "seeds=[1]", "--group", "weekly"))
    assert [row["row"] for row in pair] == ["pupils", "other"]
    assert pair[0]["run_id"] == rows[0]["run_id"]
    assert not pair[0]["new"]
    listed = pupils("list", "group:weekly", "--json").document
    assert [run["run_id"] for run in listed] == [pair[1]["run_id"], rows[0]["run_id"]]
    assert len(pupils("list", "group:pupils", "--json").document) == 2
    refused = pupils("list", rows[0]["name"])
    assert (refused.code, "is not group:NAME" in refused.err) == (2, True)


def test_a_dry_run_says_what_would_be_submitted_and_writes_nothing(pupils: Themis) -> None:
    plans = rows_of(pupils("submit", "pupils.yaml", *SWEEP, "--dry-run"))
    assert [(plan["left_cases"], plan["job"]) for plan in plans] == [(CASES, None)] * 8
    assert not Path("runs").exists()
    pupils("submit", "pupils.yaml", *SWEEP[:4])
    done = pupils("submit", "pupils.yaml", *SWEEP[:4], "--sweep", "runtime.max_attempts=1", "--dry-run")
    assert [plan["job_state"] for plan in rows_of(done)] == ["queued"] * 4
    assert "0 of 4 runs would be added, to the group pupils, and 16 generations asked for" in done.err


def test_a_file_of_a_sweep_names_its_rows_its_labels_and_its_group(pupils: Themis) -> None:
    sweep = {
        "group": "school",
        "rows": {
            "model": {
                "base": {"generation.generator.with.params.skill": 1},
                "good": {"generation.generator.with.params.skill": 3},
            },
            "seeds": [[1], [2]],
        },
        "exclude": [{"model": "base", "seeds": [2]}],
        "include": [{"model": "good", "seeds": [3], "name": "the-last"}],
    }
    pupils.write("school.yaml", sweep)
    rows = rows_of(pupils("submit", "pupils.yaml", "--sweep-file", "school.yaml"))
    assert [row["row"] for row in rows] == [
        *("model=base,seeds=[1]", "model=good,seeds=[1]", "model=good,seeds=[2]", "the-last"),
    ]
    assert {row["group"] for row in rows} == {"school"}
    assert rows[-1]["name"] == "the-last"
    labels = {run["run_id"]: run["labels"] for run in pupils("list", "group:school", "--json").document}
    assert [labels[row["run_id"]] for row in rows] == [{"model": "base"}, *[{"model": "good"}] * 3]


def test_several_config_files_are_combined_with_each_row(pupils: Themis) -> None:
    rows = rows_of(pupils("submit", "pupils.yaml", "experiment.yaml", "--sweep", "seeds=[1],[2]"))
    assert [(row["row"], row["group"]) for row in rows] == [
        ("pupils,seeds=[1]", "pupils+experiment"),
        ("pupils,seeds=[2]", "pupils+experiment"),
        ("experiment,seeds=[1]", "pupils+experiment"),
        ("experiment,seeds=[2]", "pupils+experiment"),
    ]


def test_a_sweep_may_be_of_batch_requests_and_of_a_part_of_the_cases(pupils: Themis) -> None:
    done = pupils("submit", "pupils.yaml", "--sweep", "seeds=[1],[2]", "--mode", "batch", "--limit", "1")
    rows = rows_of(done)
    assert [row["mode"] for row in rows] == ["batch"] * 2
    for row in rows:
        assert pupils("batch", "run", "--request", row["manifest_path"]).document["total_cases"] == 1
    assert pupils("status", "group:pupils", "--json").document["states"] == {"completed": 2}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--sweep", "sedes=[1],[2]"], "pupils.yaml, row sedes=[1]: unknown key 'sedes'; did you mean \"seeds\"?"),
        (["--sweep", "seeds=1,2"], "pupils.yaml, row seeds=1: seeds: must be a list, not 1"),
        (["--sweep", "seeds=[1],x"], "pupils.yaml, row seeds=x: seeds: must be a list"),
        (["--sweep", "seeds="], "--sweep seeds=: has no values"),
        (["--sweep", "seeds=[1],[1]"], "rows seeds=[1] and seeds=[1] are the same run, "),
        (["--sweep", "runtime.max_attempts=1,2"], "rows max_attempts=1 and max_attempts=2 are the same run, "),
        (["--sweep", "seeds=[1],[2]", "--set", "seeds=[3]"], "seeds: is set for all rows and by the sweep"),
        (["--sweep", "seeds=[1],[2]", "--name", "x"], "one name would be that of all runs"),
        (["--sweep", "seeds=[1]", "--sweep-file", "pupils.yaml"], "give --sweep or --sweep-file, not both"),
        (["--sweep-file", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--group", "a/b"], "'a/b' cannot be the name of a group: a name has no /"),
        (["--group", ""], "cannot be the name of a group"),
        (["--sweep", "a=" + "1," * 10_001], "10,001 rows are more than 10,000; submit it in parts"),
        (["--sweep", "storage.store=sqlite,memory"], "row store=memory: storage.store: "),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_submitted(pupils: Themis, words: list[str], why: str) -> None:
    done = pupils("submit", "pupils.yaml", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert why in done.err
    assert not Path("runs").exists()


def test_a_group_that_is_not_there_is_said_with_those_that_are(pupils: Themis) -> None:
    pupils("submit", "pupils.yaml", "--sweep", "seeds=[1],[2]")
    for command in (("status",), ("report",), ("compare",), ("list",), ("queue", "cancel"), ("queue", "retry")):
        done = pupils(*command, "group:nobody")
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert "group:nobody: there is no such group; there are pupils" in done.err
    several = pupils("cases", "group:pupils")
    assert (several.code, "group:pupils names several" in several.err) == (2, True)


def test_a_group_of_one_run_has_nothing_to_compare(pupils: Themis) -> None:
    pupils("submit", "pupils.yaml", "--group", "alone")
    done = pupils("compare", "group:alone")
    assert (done.code, "group:alone is one run, and a comparison takes two" in done.err) == (2, True)


def test_in_python_a_sweep_is_one_call_whose_value_has_the_submissions(
    pupils: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("themis.core.sweeps.submitting.most_at_once", lambda: 3)
    monkeypatch.setattr(bulk_submitting, "most_at_once", lambda: 2)
    params = [{"skill": skill} for skill in range(4)]
    found = submit_sweep("pupils.yaml", {"generation.generator.with.params": params, "seeds": [[1], [2]]}, group="py")
    assert (found.group, len(found.submissions), found.new) == ("py", 8, found.rows)
    assert drain(pupils) == 8
    again = submit_sweep(
        ["pupils.yaml"], {"generation.generator.with.params": [*params, {"skill": 9}], "seeds": [[1], [2]]}, group="py"
    )
    assert [one.status for one in again.submissions] == ["completed"] * 8 + ["pending"] * 2
    assert again.new == again.rows[8:]
    store = sqlite_store("runs/themis.sqlite3")
    assert [run_id for run_id, _ in store.group_members("py")] == [one.run_id for one in again.submissions]
    means = [get_run_result(store, one.run_id).metric_means["builtin/exact_match"] for one in found.submissions]
    assert means == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]


def test_in_python_too_a_policy_of_error_submits_nothing_when_one_is_there(pupils: Themis) -> None:
    submit_sweep("pupils.yaml", {"seeds": [[1]]})
    rows: dict[str, list[Any]] = {"seeds": [[2], [1]], "runtime.existing_run_policy": ["error"]}
    with pytest.raises(RunExistsError):
        submit_sweep("pupils.yaml", rows)
    assert len(pupils("list", "--json").document) == 1
    with pytest.raises(ConfigError, match="are the same run"):
        submit_sweep("pupils.yaml", {"seeds": [[3], [3]]})


@pytest.mark.slow
def test_a_sweep_into_postgres_is_a_group_there_too(pupils: Themis) -> None:
    storage = ("--set", f"storage={{store: postgres, parameters: {{url: '{postgres_server.schema_url()}'}}}}")
    rows = rows_of(pupils("submit", "pupils.yaml", *SWEEP, *storage))
    assert drain(pupils) == 8
    status = pupils("status", "group:pupils", "--json").document
    assert status["states"] == {"completed": 8}
    assert [run["row"] for run in status["runs"]] == [row["row"] for row in rows]
    again = rows_of(pupils("submit", "pupils.yaml", *SWEEP, "--sweep", "runtime.max_attempts=2", *storage))
    assert [row["new"] for row in again] == [False] * 8
