"""On a terminal a run ends with a line for people and the next command; elsewhere, and when asked for, with JSON."""

import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.screens.pseudo_terminal import shown, written

Themis = Any
"""The fixture's class: see conftest."""


def at_terminal(*words: str, columns: int = 120) -> list[str]:
    return shown(words, Path.cwd(), columns)


def test_a_run_ends_with_its_state_its_scores_its_name_and_the_next_command(themis: Themis) -> None:
    first = at_terminal("run", "--config", "experiment.yaml")
    assert first[0].startswith("completed  2/2 cases  exact_match 1.0000  (demo_generator-on-sums, run ")
    assert "  took " in first[0]
    run = json.loads(themis("status", "--json").out)[0]["run_id"][:8]
    assert first[1:] == [f"next: themis report {run} --format markdown-summary"]
    assert themis(*first[1].split()[2:]).code == 0, "the next command works as it is typed"
    again = at_terminal("run", "--config", "experiment.yaml")
    line = f"completed  2/2 cases  exact_match 1.0000  (demo_generator-on-sums, run {run})  stored, nothing was run"
    assert again == [line, first[1]]


def test_a_store_elsewhere_is_named_in_the_next_command(themis: Themis) -> None:
    Path("mine").mkdir()
    themis.write("mine/e.yaml", themis.experiment)
    *_, next_one = at_terminal("run", "--config", "mine/e.yaml")
    assert next_one.endswith(" --store mine/runs/themis.sqlite3 --format markdown-summary")
    assert themis(*next_one.split()[2:]).code == 0
    unkept = {**themis.experiment, "storage": {"store": "memory"}}
    assert len(at_terminal("run", "--config", str(themis.write("unkept.yaml", unkept)))) == 1, "nothing is stored"


def test_failed_cases_are_counted_and_the_first_is_named(themis: Themis) -> None:
    config = themis.failing(of=3, failures=1)
    found = at_terminal("run", "--config", str(config))
    assert found[0].startswith("partial_failure  3/3 cases  1 failed  exact_match 1.0000 (1 unscored)")
    assert any("no answer to this" in line for line in found)
    (next_one,) = [line for line in found if line.startswith("next: ")]
    assert next_one.endswith(" --failed")
    assert themis(*next_one.split()[2:]).code == 0
    half = at_terminal("run", "--config", str(config), columns=200)
    assert any("2 cases were stored" in line for line in half), "only the failed one is tried again"


def test_with_json_or_by_the_environment_it_is_the_object_of_elsewhere(themis: Themis) -> None:
    elsewhere = themis("run", "--config", "experiment.yaml").document
    assert [json.loads(line) for line in at_terminal("run", "--config", "experiment.yaml", "--json")] == [elsewhere]
    with mock.patch.dict(os.environ, {"THEMIS_OUTPUT": "json"}):
        assert [json.loads(line) for line in at_terminal("run", "--config", "experiment.yaml")] == [elsewhere]


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (("resume",), "completed  2/2 cases  exact_match 1.0000  "),
        (("replay", "--stage", "score"), "completed  2/2 cases  exact_match 1.0000  "),
        (("quickcheck",), "completed  2/2 cases  exact_match 1.0000  "),
        (("submit",), "queued  2 cases  (demo_generator-on-sums, run "),
        (("estimate",), "run        "),
    ],
)
def test_other_commands_speak_to_people_and_to_programs_as_well(
    words: tuple[str, ...], begins: str, themis: Themis
) -> None:
    themis("run", "--config", "experiment.yaml")
    command = (*words, "--config", "experiment.yaml")
    assert at_terminal(*command)[0].startswith(begins)
    (line,) = [line for line in at_terminal(*command, "--json") if line.startswith("{")]
    assert len(json.loads(line)["run_id"]) == 64
    assert len(themis(*command).document["run_id"]) == 64


def test_a_replay_says_that_something_was_done_again(themis: Themis) -> None:
    themis("run", "--config", "experiment.yaml")
    (line, _) = at_terminal("replay", "--config", "experiment.yaml", "--stage", "score", columns=200)
    assert "done again from score on, took " in line


def test_one_job_of_the_queue_ends_like_a_run(themis: Themis) -> None:
    themis.submit()
    assert at_terminal("worker", "run", "--quiet")[0].startswith("completed  2/2 cases  exact_match 1.0000  ")
    assert at_terminal("worker", "run") == ["themis: no job is queued"]
    assert json.loads(at_terminal("worker", "run", "--json")[0]) == {"status": "idle"}


def test_report_and_inspect_are_the_same_everywhere(themis: Themis) -> None:
    themis("run", "--config", "experiment.yaml")
    for words in (("report",), ("inspect", "state")):
        command = (*words, "--config", "experiment.yaml")
        assert json.loads("\n".join(at_terminal(*command))) == json.loads(themis(*command).out)


def test_states_have_colours_unless_somebody_minds(themis: Themis) -> None:
    themis("run", "--config", "experiment.yaml")
    assert "\x1b[32mcompleted\x1b[0m" in written(("status",), Path.cwd(), 100)
    assert "\x1b[" not in themis("status").out
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("themis.cli.terminal.colours.OFF_VARIABLE", "HOME")  # as if NO_COLOR were set
        assert "\x1b[" not in written(("status",), Path.cwd(), 100)
