"""One rule for what a text on the command line names, for every command that takes one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.strangers import as_stranger

Themis = Any
"""The fixture's class: see conftest."""

READING = (
    ("status",),
    ("report", "--format", "csv"),
    ("quickcheck",),
    ("inspect", "snapshot"),
    ("inspect", "state"),
    ("export", "score"),
)
OF_JOBS = (("queue", "show"), ("queue", "logs"))


@pytest.fixture
def ids(themis: Themis) -> dict[str, str]:
    """A run that is named `first` and done, its job, and the key of a job that waits and is named `second`."""
    key, _ = themis.submit("--name", "first", "--label", "team=x")
    run_id = themis("worker", "run").document["run_id"]
    waiting, _ = themis.submit("--name", "second", "--set", "seeds=[1]")
    return {"run": run_id, "job": key, "waiting": waiting}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that is kept for tests that change nothing; the first of them makes it."""
    return tmp_path_factory.mktemp("made") / "runs"


@pytest.fixture
def ids_to_read(themis: Themis, made: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """The same, in a copy: no job can be submitted there."""
    file = made.with_suffix(".json")
    if not made.exists():
        file.write_text(json.dumps(request.getfixturevalue("ids")), encoding="utf-8")
        shutil.copytree(Path.cwd(), made)
    shutil.copytree(made, Path.cwd(), dirs_exist_ok=True)
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("command", [*READING, *OF_JOBS], ids=" ".join)
def test_a_run_and_its_job_are_one_thing_by_name_by_run_and_by_key(
    themis: Themis, ids_to_read: dict[str, str], command: tuple[str, ...]
) -> None:
    run, job = ids_to_read["run"], ids_to_read["job"]
    names = ("first", "name:first", run, run[:4], f"run:{run[:9]}", job, job[:4], f"job:{job}", "experiment.yaml")
    found = {themis(*command, name).out for name in names}
    assert len(found) == 1
    assert found != {""}


@pytest.mark.parametrize("command", [("report",), ("status",), ("queue", "cancel"), ("compare", "first")], ids=" ".join)
@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("third", "third: no run has that name, and it is not the beginning of an id"),
        ("fff", "fff: the beginning of an id has at least 4 digits"),
        ("ffff", "ffff: no name, run or job begins so; themis list shows all runs"),
        ("run:first", "first: it is not the beginning of an id"),
        ("name:ffff", "ffff: no run has that name"),
        ("group:all", "group:all: there are no groups; themis submit makes one, by --sweep or --group"),
        ("job:", "job:: names nothing"),
        ("nowhere.yaml", "nowhere.yaml: "),
        ("no/where", "no/where: "),
    ],
)
def test_what_names_nothing_is_one_line(
    themis: Themis, ids_to_read: dict[str, str], command: tuple[str, ...], target: str, why: str
) -> None:
    del ids_to_read
    done = themis(*command, target)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert why in done.err


@pytest.mark.parametrize(
    "command",
    [("report",), ("quickcheck",), ("status",), ("queue", "show"), ("queue", "cancel"), ("queue", "retry")],
    ids=" ".join,
)
def test_several_of_one_name_are_listed_with_name_run_and_job(
    themis: Themis, ids: dict[str, str], command: tuple[str, ...]
) -> None:
    del ids
    keys = [themis.submit("--name", "twin", "--set", f"seeds=[{seed}]")[0] for seed in (7, 8)]
    done = themis(*command, "twin")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "twin names several; give the run or the job, or more of it: twin (run " in done.err
    assert all(f"job {key})" in done.err for key in keys)
    rows = themis("queue", "list", "--json").document["jobs"]
    assert {row["state"] for row in rows if row["key"] in keys} == {"queued"}


def test_several_are_changed_only_with_all_matching(themis: Themis, ids: dict[str, str]) -> None:
    del ids
    keys = {themis.submit("--name", "twin", "--set", f"seeds=[{seed}]")[0] for seed in (7, 8)}
    found = themis("queue", "cancel", "name:twin", "--all-matching").document["jobs"]
    assert {job["key"] for job in found} == keys
    assert {job["key"] for job in themis("queue", "retry", "twin", "--all-matching").document["jobs"]} == keys


def test_an_exact_name_beats_the_beginning_of_an_id(themis: Themis, ids: dict[str, str]) -> None:
    beginning = ids["run"][:6]
    themis.submit("--name", beginning, "--set", "seeds=[2]")
    shown = themis("status", beginning, "--json").document
    assert (shown["name"], shown["run_id"] == ids["run"]) == (beginning, False)
    assert themis("status", f"run:{beginning}", "--json").document["run_id"] == ids["run"]


def test_a_job_is_changed_by_the_name_of_its_run(themis: Themis, ids: dict[str, str]) -> None:
    assert themis("queue", "set", "second", "--priority", "1").document["key"] == ids["waiting"]
    assert themis("queue", "cancel", "second").document["state"] == "cancelled"
    assert themis("queue", "retry", "second").document["state"] == "queued"


def test_the_job_of_a_config_is_found_by_its_option_alone(themis: Themis, ids: dict[str, str]) -> None:
    shown = themis("queue", "show", "--config", "experiment.yaml", "--json").document
    assert (shown["key"], shown["name"]) == (ids["job"], "first")
    other = themis("queue", "set", "--config", "experiment.yaml", "--set", "seeds=[1]", "--priority", "2").document
    assert other["key"] == ids["waiting"]
    assert themis("queue", "logs", "--config", "experiment.yaml").out == themis("queue", "logs", "first").out
    done = themis("queue", "show")
    assert (done.code, "name a job, or give --config" in done.err) == (2, True)


def test_a_run_that_has_no_job_is_none_to_the_queue(themis: Themis, ids: dict[str, str]) -> None:
    del ids
    themis("run", "--config", "experiment.yaml", "--name", "alone", "--set", "seeds=[3]")
    done = themis("queue", "show", "alone")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "alone (run " in done.err
    assert "no job): has no job in this queue" in done.err


@pytest.mark.parametrize("command", OF_JOBS, ids=" ".join)
def test_a_job_is_looked_at_without_its_store_being_opened_for_writing(
    themis: Themis, ids: dict[str, str], command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = themis(*command, "first")
    monkeypatch.delattr("themis.core.jobs.store_cache.open_store")
    monkeypatch.delattr("themis.core.stores.sqlite.database.Database._configure")
    found = themis(*command, ids["job"])
    assert (found.code, found.out) == (0, expected.out)


def test_runs_are_compared_by_their_names(themis: Themis, ids: dict[str, str]) -> None:
    other = themis("run", "--config", "experiment.yaml", "--name", "other", "--set", "seeds=[3]").document["run_id"]
    (found,) = themis("compare", "first", "other", "--json").document["comparisons"]
    assert (found["baseline_run_id"], found["candidate_run_id"]) == (ids["run"], other)
    assert themis("diff", "first", "experiment.yaml", "--json").document["same"] is True


def test_a_stored_run_is_read_without_its_config_its_components_and_its_secrets(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = themis.failing(of=2, failures=1)
    themis("run", "--config", config, "--name", "mine")
    themis("run", "--config", "experiment.yaml")
    Path("experiment.yaml").unlink()
    config.write_text(config.read_text().replace("Model", "Gone") + "runtime: {provider_rate_limits: {}}\n")
    before = themis("report", "mine").document
    assert before["run_result"]["name"] == "mine"
    assert themis("report", "mine", "--config", config).document == before, "beside a name it only says which store"
    store = Path("runs/themis.sqlite3").absolute()
    monkeypatch.chdir("..")
    assert themis("report", "mine", "--store", store).document == before
    assert themis("quickcheck", "mine", "--store", store).document["failed_cases"] == 1


def test_a_run_in_two_stores_of_a_queue_needs_the_store(themis: Themis, ids: dict[str, str]) -> None:
    themis.submit("--set", "storage.parameters.path=other.sqlite3")
    assert len(themis("status", ids["run"], "--json").document) == 2
    done = themis("report", ids["run"])
    assert (done.code, done.out) == (2, "")
    assert "name the store with --store: " in done.err
    assert themis("report", ids["run"], "--store", "other.sqlite3").code == 0


def test_a_command_without_a_target_says_what_it_needs(themis: Themis) -> None:
    done = themis("report")
    said = "name a run, which themis list shows, or give --config"
    assert (done.code, done.err) == (2, f"themis: error: {said}; see themis report --help\n")
    done = themis("report", "experiment.yaml", "--config", "experiment.yaml")
    assert done.err.startswith("themis: error: give experiment.yaml or --config, not both")


@pytest.mark.few(2)
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_the_results_of_a_colleague_are_read_though_nothing_can_be_written_there(
    themis: Themis, ids: dict[str, str], command: tuple[str, ...]
) -> None:
    expected = themis(*command, ids["run"])
    store = Path("runs/themis.sqlite3")
    found = as_stranger(store, (*command, ids["run"], "--store"))
    assert found.code == 0, found.err
    assert found.out.replace(str(found.store), str(store.absolute())) == expected.out
    assert found.files == ["themis.sqlite3"], "nothing was made beside it"


def test_a_store_whose_log_only_its_owner_may_read_is_not_read_as_if_it_had_none(
    themis: Themis, ids: dict[str, str]
) -> None:
    del themis
    store = Path("runs/themis.sqlite3")
    found = as_stranger(store, ("quickcheck", ids["run"], "--store"), hidden="-wal")
    assert (found.code, found.out) == (4, "")
    assert "themis.sqlite3" in found.err


def test_the_group_may_read_a_store_that_says_so(themis: Themis) -> None:
    path = Path("runs/themis.sqlite3")
    themis("run", "--config", "experiment.yaml")
    assert path.stat().st_mode & 0o777 == 0o600
    themis("run", "--config", "experiment.yaml", "--set", "storage.parameters.group_readable=true")
    assert path.stat().st_mode & 0o777 == 0o640
    done = themis("run", "--config", "experiment.yaml", "--set", "storage.parameters.group_readable=all")
    assert (done.code, "storage.parameters.group_readable: is true or false" in done.err) == (2, True)
    assert json.loads(themis("quickcheck", "experiment.yaml").out)["status"] == "completed"
