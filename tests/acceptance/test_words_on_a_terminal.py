"""What single commands say to people on a terminal."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import EXPERIMENT
from tests.acceptance.test_hints import be_a_terminal
from themis.core.queue import AttemptOutcome, Cause, this_process
from themis.core.submission import open_queue

Themis = Any
"""The fixture's class: see conftest."""

ASKED = "def answer(case):\n    return case.expected_output\n"


def test_a_valid_config_is_a_line_with_the_next_command_and_an_object_where_one_is_asked_for(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_a_terminal(monkeypatch)
    run_id = themis("config", "validate", "experiment.yaml", "--json").document["run_id"]
    said = themis("config", "validate", "experiment.yaml").out
    assert said == f"valid  2 cases  (run {run_id[:8]})\nnext: themis run experiment.yaml\n"
    other = themis("config", "validate", "experiment.yaml", "--set", "seeds=[7]").out
    assert "next" not in other, "the next command would be about another run"


def test_a_valid_config_is_an_object_elsewhere(themis: Themis) -> None:
    assert list(themis("config", "validate", "experiment.yaml").document) == ["valid", "run_id", "total_cases"]


def test_one_case_is_submitted_in_the_singular(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    be_a_terminal(monkeypatch)
    assert themis("submit", "experiment.yaml", "--limit", "1").out.startswith("queued  1 case  (")
    assert themis("submit", "experiment.yaml").out.startswith("queued  2 cases  (")


def test_comparisons_stand_apart_and_say_how_far_p_is_adjusted(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    be_a_terminal(monkeypatch)
    for seed in (1, 2, 3):
        assert themis("run", "experiment.yaml", "--set", f"seeds=[{seed}]", "--name", f"run {seed}").code == 0
    adjusted = "\np is adjusted for 2 tests (Holm); the intervals are not.\n"
    both = themis("compare", "run 1", "run 2", "run 3").out
    assert both.endswith(f"\n{adjusted}")
    assert both.count("\n\nbaseline run 1 (") == 1
    assert "adjusted" not in themis("compare", "run 1", "run 2").out


@pytest.mark.parametrize(("number", "said"), [(1, "1 call"), (2, "2 calls")])
def test_a_run_whose_tokens_nobody_counted_says_so(
    number: int, said: str, themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_a_terminal(monkeypatch)
    monkeypatch.delitem(sys.modules, "asked_here", raising=False)
    Path("asked_here.py").write_text(ASKED, encoding="utf-8")
    generator = {"use": "callable", "with": {"target": "asked_here:answer", "model_id": "m"}}
    themis.write("asked.yaml", {**EXPERIMENT, "generation": {"generator": generator}})
    shown = themis("run", "asked.yaml", "--limit", str(number)).out
    assert f"\ncost unknown: nobody has counted the tokens of {said}\n" in shown


def test_what_was_changed_about_a_job_is_a_line_and_an_object_where_one_is_asked_for(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = themis.submit("--name", "mine")
    be_a_terminal(monkeypatch)
    run_id = themis("queue", "set", "mine", "--priority", "2", "--json").document["run_id"]
    title = f"(run {run_id[:8]}, job {key[:8]})\n"
    assert themis("queue", "set", "mine", "--priority", "0").out == f"queued  priority 0  {title}"
    later = themis("queue", "set", "mine", "--not-before", "2h").out
    assert later.startswith("queued  priority 0  not before 2")
    assert later.endswith(title)
    assert themis("queue", "cancel", "mine").out == f"cancelled  {title}"
    assert themis("queue", "retry", "mine").out == f"queued  {title}"
    assert themis("queue", "cancel", "--all", "--yes").out == f"cancelled  {title}"
    assert themis("queue", "retry", "--all-matching", "mine", "--json").document["jobs"][0]["state"] == "queued"


def test_a_running_job_that_was_asked_to_stop_is_called_stopping(
    themis: Themis, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = themis.submit()
    be_a_terminal(monkeypatch)
    claim = open_queue("runs/queue").claim(this_process("w1")).claim
    assert claim is not None
    assert themis("queue", "cancel", key).out.startswith("stopping  (run ")
    claim.settle(AttemptOutcome(Cause.CANCELLED))


def test_a_pause_says_by_whom_it_is_and_what_ends_it(themis: Themis, monkeypatch: pytest.MonkeyPatch) -> None:
    themis.submit()
    be_a_terminal(monkeypatch)
    first, then = themis("queue", "pause", "--reason", "the endpoint is down").out.splitlines()[-2:]
    assert "the endpoint is down" in first
    assert then == "resume it with: themis queue resume"
    elsewhere = themis("queue", "pause", "--config", "experiment.yaml").out.splitlines()[-1]
    assert elsewhere == "resume it with: themis queue resume --config experiment.yaml"
    assert themis("queue", "resume").out == "resumed: workers take jobs again\n"
    assert themis("queue", "resume").out == "it was not paused, and is not now\n"
    assert themis("queue", "resume", "--json").document == {"paused": False}
