"""`--store` names a store by the path of its file, or by a reference to a Postgres database."""

import json
from pathlib import Path

import pytest

from tests.acceptance.conftest import EXPERIMENT, Themis
from tests.support import postgres_server

VARIABLE = "THEMIS_DATABASE_URL"
STORE = f"postgres:env:{VARIABLE}"
PLACE = "storage.parameters.url"


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty database, which has no password, in the environment."""
    made = postgres_server.schema_url()
    monkeypatch.setenv(VARIABLE, made)
    return made


def _two_runs(themis: Themis, store: str) -> list[str]:
    """Two runs in a database, and no store in this folder; their ids."""
    storage = {"store": "postgres", "parameters": {"url": store.removeprefix("postgres:")}}
    themis.write("experiment.yaml", {**EXPERIMENT, "name": "one", "storage": storage})
    themis.write("other.yaml", {**EXPERIMENT, "name": "two", "seeds": [7], "storage": storage})
    found = [str(themis("run", name).document["run_id"]) for name in ("experiment.yaml", "other.yaml")]
    for name in ("experiment.yaml", "other.yaml"):
        Path(name).unlink()
    return found


@pytest.mark.parametrize("is_reference", [True, False], ids=["a reference", "an address"])
def test_every_command_that_reads_stored_runs_takes_a_database(themis: Themis, url: str, is_reference: bool) -> None:
    store = STORE if is_reference else f"postgres:{url}"
    one, two = _two_runs(themis, store)
    for name in (store,) if is_reference else (store, url):
        listed = json.loads(themis("list", "--store", name, "--json").out)
        assert sorted(run["name"] for run in listed) == ["one", "two"]
    of_one = ("one", "--store", store)
    commands = (
        ("report",), ("status", "--json"), ("inspect", "state"), ("cases", "--json"), ("quickcheck",),
        ("export", "generation"),
    )  # fmt: skip
    for command in commands:
        done = themis(*command, *of_one)
        assert done.code == 0, done.err
        assert one in done.out
        assert two not in done.out
    assert themis("compare", "one", "two", "--store", store).code == 0
    assert themis("diff", one[:8], two[:8], "--store", store).code == 3
    assert themis("replay", *of_one, "--stage", "score").document["status"] == "completed"
    edited = themis("score", "edit", *of_one, "--case", "one", "--value", "0", "--why", "no")
    assert edited.code == 0, edited.err
    estimate = ("estimate", "again.yaml", "--detect", "2%", "--earlier", "one", "two", "--store", store)
    themis.write("again.yaml", EXPERIMENT)
    assert "detection" in themis(*estimate).document


def test_the_owner_of_a_database_makes_its_tables_without_a_config_file(themis: Themis, url: str) -> None:
    Path("experiment.yaml").unlink()
    before = themis("list", "--store", STORE)
    assert "left out: " in before.err
    assert "is not there" in before.err
    done = themis("store", "upgrade", "--store", STORE)
    label = url.replace(f"{postgres_server.USER}@", "").partition("?")[0]
    assert done.document == {"store": label, "status": "ready"}
    assert "is not there" not in themis("list", "--store", STORE).err
    assert themis("store", "upgrade", "--store", "runs.sqlite3").code == 0
    assert Path("runs.sqlite3").exists()


def test_a_quick_evaluation_keeps_its_results_in_a_database_and_says_how_to_read_them(themis: Themis, url: str) -> None:
    done = themis("quick-eval", "inline", "--input", "a", "--expected-output", "a", "--store", STORE)
    assert done.code == 0, done.err
    run_id = done.document["run_id"]
    assert run_id in themis("report", run_id[:8], "--store", STORE).out
    assert url not in done.out + done.err


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("postgres:", "is the address of a Postgres database, or a reference to it, such as env:THEMIS_DATABASE_URL"),
        ("postgres:postgresql://ann:pw@db/x", "holds a password"),
        ("postgresql://ann:pw@db/x", "holds a password"),
        ("postgres:nonsense", "is not the address of a Postgres database, such as postgresql://user@host/database"),
        ("postgres:env:THEMIS_NO_SUCH_VARIABLE", "THEMIS_NO_SUCH_VARIABLE"),
    ],
)
def test_a_mistaken_reference_is_one_line_in_the_words_of_the_configuration(
    themis: Themis, named: str, said: str
) -> None:
    done = themis("report", "one", "--store", named)
    assert done.code in {2, 4}
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert said in done.err
    assert "pw" not in done.err
    reference = named.removeprefix("postgres:") if named.startswith("postgres:") else named
    storage = {"store": "postgres", "parameters": {"url": reference}}
    themis.write("experiment.yaml", {**EXPERIMENT, "storage": storage})
    configured = themis("report", "one", "--config", "experiment.yaml")
    assert configured.err.endswith(done.err.partition("themis: ")[2])
    assert configured.code == done.code


def test_a_file_that_is_called_like_a_database_is_named_by_its_path(themis: Themis) -> None:
    done = themis("list", "--store", "./postgres:runs")
    assert "postgres:runs: is not there" in done.err


def test_an_upgrade_is_told_one_store(themis: Themis) -> None:
    for words, said in (
        ((), "give CONFIG or --store"),
        (("experiment.yaml", "--store", "a.sqlite3"), "give CONFIG or --store, not both"),
        (("--store", "a.sqlite3", "--set", "seeds=[1]"), "--set needs CONFIG"),
    ):
        done = themis("store", "upgrade", *words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
