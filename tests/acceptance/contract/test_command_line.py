"""Each command of the contract that there is today: what its JSON object has, how it ends, and its help."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import themis as themis_package
from themis import InMemoryRunStore, import_generation_bundle
from themis.core.components import resolution
from themis.core.components.source_code import Sources

Themis = Any
"""The fixture's class: see conftest."""

CONFIG = ("--config", "experiment.yaml")
RUN = {"run_id", "status", "completed_through_stage", "metric_means"}
COUNTS = {"total_cases", "completed_cases", "failed_cases"}
JOB = {"key", "run_id", "state"}


@pytest.fixture
def ran(themis: Themis) -> Themis:
    """The command, after a run of the experiment."""
    themis("run", *CONFIG)
    return themis


def has(document: Any, keys: set[str]) -> bool:
    """Whether an object has some keys at least."""
    return keys <= set(document)


# --- run and submit


def test_run_prints_what_came_out_and_stops_where_it_is_told(themis: Themis) -> None:
    stopped = themis("run", *CONFIG, "--until-stage", "generate").document
    assert has(stopped, RUN)
    assert stopped["completed_through_stage"] == "generate"
    whole = themis("run", *CONFIG, "--set", "runtime.max_concurrent_tasks=1").document
    assert (whole["status"], whole["completed_through_stage"]) == ("completed", "score")
    assert whole["metric_means"] == {"builtin/exact_match": 1.0}
    assert whole["run_id"] == stopped["run_id"]


@pytest.mark.parametrize(("mode", "named"), [("worker-pool", "worker_pool"), ("batch", "batch")])
def test_submit_prints_where_its_manifest_is(themis: Themis, mode: str, named: str) -> None:
    more = ("--priority", "0", "--not-before", "1s") if mode == "worker-pool" else ()
    found = themis("submit", *CONFIG, "--mode", mode, *more).document
    assert set(found) == {"run_id", "name", "status", "manifest_path", "mode"}
    assert (found["status"], found["mode"]) == ("pending", named)
    assert Path(found["manifest_path"]).is_file()


def test_worker_run_does_one_job_and_is_idle_when_there_is_none(themis: Themis) -> None:
    themis.submit()
    found = themis("worker", "run").document
    assert has(found, {"run_id", "status"})
    assert found["status"] == "completed"
    assert themis("worker", "run", "--queue-root", "runs/queue").document == {"status": "idle"}


@pytest.mark.slow
def test_a_worker_drains_the_queue_and_ends(themis: Themis) -> None:
    key, _ = themis.submit()
    words = [sys.executable, "-m", "themis", "worker", "start", "--slots", "1", "--drain"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert themis("queue", "show", key, "--json").document["state"] == "done"


def test_workers_are_listed_and_stopped(themis: Themis) -> None:
    themis.submit()
    assert themis("worker", "list", "--json").document["workers"] == []
    assert themis("worker", "stop", "--all").document == {"asked": [], "stopped": [], "left": []}


def test_a_batch_request_is_run_and_moved(themis: Themis) -> None:
    submitted = themis("submit", *CONFIG, "--mode", "batch").document
    request = Path("runs/batch/requests").absolute() / f"{submitted['run_id']}.json"
    assert submitted["manifest_path"] == str(request)
    assert has(themis("batch", "run", "--request", request).document, RUN | COUNTS)
    assert (request.parent.parent / "completed" / request.name).is_file()


def test_resume_continues_a_run(themis: Themis) -> None:
    themis("run", *CONFIG, "--until-stage", "generate")
    found = themis("resume", *CONFIG).document
    assert has(found, {"run_id", "status", "completed_through_stage", "total_cases", "completed_cases"})
    assert (found["completed_through_stage"], found["completed_cases"]) == ("score", 2)


def test_replay_scores_again_what_is_stored(ran: Themis) -> None:
    for more in (("--stage", "parse"), ("--stage", "score", "--metric-id", "builtin/exact_match")):
        found = ran("replay", *CONFIG, *more).document
        assert has(found, {"run_id", "status", "metric_means"})
        assert (found["status"], found["metric_means"]) == ("completed", {"builtin/exact_match": 1.0})


@pytest.mark.parametrize("stage", ["generation", "reduction", "parse", "score"])
def test_export_prints_a_bundle_that_another_store_imports(ran: Themis, stage: str) -> None:
    document = ran("export", stage, *CONFIG).document
    assert has(document, {"schema_version", "run_id", "snapshot", "records"})
    assert len(document["records"]) == 2
    store = InMemoryRunStore()
    import_generation_bundle(store, ran("export", "generation", *CONFIG).document)
    assert getattr(themis_package, f"import_{stage}_bundle")(store, document) == document["run_id"]
    assert store.resume(document["run_id"]) is not None


@pytest.mark.parametrize("rule", ["warn", "refuse", "ignore"])
def test_each_command_that_uses_stored_results_is_told_what_to_do_when_code_was_edited(
    ran: Themis, rule: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resolution, "sources_of", lambda *_: Sources("edited", {"mine.py": "edited"}))
    replay = ("replay", "--stage", "score")
    for words in (("run",), ("resume",), replay, ("submit",)):
        done = ran(*words, *CONFIG, "--code-changes", rule)
        assert done.code == (2 if rule == "refuse" else 0), done.err
        assert ("was edited (mine.py (new)" in done.err + caplog.text) == (rule != "ignore")
        caplog.clear()
        if rule == "refuse":
            assert done.err.count("\n") == 1
            assert done.err.startswith("themis: error: run ")


# --- the queue


def test_the_queue_is_looked_at_and_changed(themis: Themis) -> None:
    key, _ = themis.submit()
    listed = themis("queue", "list", "--json").document
    assert [job["key"] for job in listed["jobs"]] == [key]
    assert has(themis("queue", "show", key, "--json").document, JOB)
    assert has(themis("queue", "logs", key, "--json").document, {"key", "journal", "logs"})
    assert has(themis("queue", "watch", "--once", "--json").document, {"queue_root"})
    assert themis("queue", "set", key, "--priority", "1").document["priority"] == 1
    assert has(themis("queue", "cancel", key).document, JOB)
    assert themis("queue", "retry", key).document["state"] == "queued"
    assert themis("queue", "pause").document["paused"] is True
    assert themis("queue", "resume").document == {"paused": False}
    assert themis("queue", "prune", "--yes").code == 0
    assert themis("queue", "doctor", "--json").document == []


def test_the_queue_of_a_config_is_that_of_its_runtime(themis: Themis) -> None:
    themis("submit", *CONFIG, "--set", "runtime.queue_root=elsewhere")
    for place in (("--queue-root", "elsewhere"), (*CONFIG, "--set", "runtime.queue_root=elsewhere")):
        assert len(themis("queue", "list", "--json", *place).document["jobs"]) == 1


# --- look


def test_status_tells_of_one_run_and_of_all(ran: Themis) -> None:
    (row,) = ran("status", "--json").document
    assert has(row, {"run_id", "state", "attempt", "worker", "metric_means"} | COUNTS)
    one = ran("status", row["run_id"], "--json").document
    assert (one["run_id"], one["completed_through_stage"]) == (row["run_id"], "score")


def test_estimate_prints_what_a_run_takes(themis: Themis) -> None:
    from themis.core import RunEstimate  # noqa: PLC0415  # beside what is tested

    assert RunEstimate.model_validate(themis("estimate", *CONFIG).document).planned_generation_tasks == 2


def test_quickcheck_prints_counts_means_and_rows(ran: Themis) -> None:
    found = ran("quickcheck", *CONFIG).document
    assert has(found, {"run_id", "status", "metric_means", "metrics", "score_rows"} | COUNTS)


FORMATS: dict[str, Callable[[str], bool]] = {
    "json": lambda out: json.loads(out)["run_result"]["status"] == "completed",
    "jsonl": lambda out: all(json.loads(line)["metric_id"] for line in out.splitlines()),
    "junit": lambda out: out.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="run '),
    "markdown": lambda out: out.startswith("# Run Report\n\n- run_id: "),
    "csv": lambda out: out.startswith("case_id,dataset_id,case_key,metric_id,outcome,value,"),
    "latex": lambda out: out.startswith(r"\begin{tabular}"),
    "markdown-summary": lambda out: out.startswith("# Run Report\n\n|"),
    "latex-summary": lambda out: r"\begin{tabular}{lrrrrrrrrr}" in out,
}


@pytest.mark.few(4)
@pytest.mark.parametrize("form", FORMATS)
def test_a_report_has_each_format(ran: Themis, form: str) -> None:
    done = ran("report", *CONFIG, "--format", form)
    assert (done.code, done.err) == (0, "")
    assert FORMATS[form](done.out)
    if form == "json":
        assert ran("report", *CONFIG).out == done.out


def test_inspect_prints_what_a_run_is_and_what_is_stored(ran: Themis) -> None:
    snapshot = ran("inspect", "snapshot", *CONFIG).document
    assert has(snapshot, {"identity", "provenance", "component_refs", "datasets", "metric_kinds", "run_id"})
    state = ran("inspect", "state", *CONFIG).document
    assert has(state, {"run_id", "status", "completed_through_stage", "case_states"})
    assert list(state["case_states"]) == ["4:sums:one", "4:sums:two"]


# --- begin


def test_what_init_writes_runs(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no model can be asked."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("themis.cli.begin.found_models.said_by", lambda *_: None)
    assert themis("init", "--path", "mine").out == "mine\n"
    assert sorted(str(path.relative_to("mine")) for path in Path("mine").rglob("*") if path.is_file()) == [
        "data/sample.jsonl",
        "experiment.yaml",
        "run.py",
        "themis.schema.json",  # for editors
    ]
    assert themis("run", "--config", "mine/experiment.yaml").document["status"] == "completed"


# --- all of them

COMMANDS = [
    "run",
    "submit",
    "worker run",
    "worker start",
    "worker list",
    "worker stop",
    "batch run",
    *(
        f"queue {name}"
        for name in "list show logs watch cancel retry set pause resume prune doctor".split()  # noqa: SIM905  # words
    ),
    "status",
    "replay",
    "resume",
    "estimate",
    "quickcheck",
    "report",
    "cases",
    "inspect snapshot",
    "inspect state",
    "inspect evaluation",
    *(f"export {stage}" for stage in ("generation", "reduction", "parse", "score", "evaluation")),
    "init",
    "demo",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(themis: Themis, command: str) -> None:
    done = themis(*command.split(), "--help")
    assert done.code == 0
    assert f"themis {command}" in done.out.partition("Example")[2]


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--config", "nowhere.yaml"),
        ("run", *CONFIG, "--until-stage", "judg"),
        ("run", *CONFIG, "--set", "generaton.generator=x"),
        ("submit", *CONFIG, "--mode", "pool"),
        ("quickcheck", *CONFIG),
        ("report", *CONFIG, "--format", "html"),
        ("batch", "run", "--request", "nowhere.json"),
        ("estimate",),
        ("replai",),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_and_2(themis: Themis, words: tuple[str, ...]) -> None:
    done = themis(*words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "Traceback" not in done.err


@pytest.mark.parametrize("module", ["themis", "themis.cli"])
def test_python_m_is_the_command(
    module: str, themis: Themis, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [module, "--version"])
    monkeypatch.setattr("themis.cli.terminal.early_interrupts.catch", lambda: None)  # this process goes on
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("themis ")


def test_a_partial_failure_ends_with_0_and_a_run_of_which_nothing_came_with_3(themis: Themis) -> None:
    some = themis("run", "--config", themis.failing(of=2, failures=1))
    assert (some.code, some.document["status"]) == (0, "partial_failure")
    none = themis("run", "--config", themis.failing(of=2, failures=2))
    assert (none.code, none.document["status"]) == (3, "failed")
    themis.write("unscored.yaml", {**themis.experiment, "evaluation": {"metrics": ["builtin/choice_accuracy"]}})
    unscored = themis("run", "--config", "unscored.yaml")
    assert (unscored.code, unscored.document["status"]) == (0, "partial_failure")
    assert unscored.document["failed_cases"] == 2
