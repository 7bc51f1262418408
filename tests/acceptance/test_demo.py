"""The first thing that a newcomer types."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.command_here import done_here
from tests.support.model_server import ModelServer
from themis.cli.begin import demo as demo_command
from themis.cli.begin.starting_files import STARTS
from themis.demo.files import ASKED_PROBLEMS

NO_KEYS = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}


def demo(folder: Path) -> list[str]:
    """Lines that `themis demo` prints in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "themis", "demo"],
        cwd=folder,
        env=NO_KEYS,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def scores(lines: list[str]) -> dict[str, tuple[float, int, int, int]]:
    """The table: accuracy in percent, and how many cases of each model are scored, have no answer, failed."""
    start = next(number for number, line in enumerate(lines) if line.split()[:2] == ["model", "accuracy"])
    rows = [line.split() for line in lines[start + 1 : start + 4]]
    assert all(row[3] == "to" for row in rows), "the interval stands beside the mean"
    return {row[0]: (float(row[1].rstrip("%")), int(row[5]), int(row[6]), int(row[7])) for row in rows}


@pytest.mark.slow
def test_the_demo_runs_models_through_the_queue_and_says_who_wins_each_time(tmp_path: Path) -> None:
    first = demo(tmp_path)
    found = scores(first)
    assert list(found) == ["sage", "scout", "sprout"]
    accuracies = [accuracy for accuracy, *_ in found.values()]
    assert accuracies == sorted(accuracies, reverse=True)
    assert len(set(accuracies)) == 3
    assert {(scored, failed) for _, scored, _, failed in found.values()} == {(300, 0)}
    assert found["sprout"][2] > 0, "the worst gives up now and then, which counts as wrong"
    assert sum(line.startswith("   worker ") for line in first) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert len(list((tmp_path / "demo/runs/queue/done").iterdir())) == 3

    again = demo(tmp_path)
    assert scores(again) == found
    assert sum(line.startswith("   worker ") for line in again) == 3

    commands = [line.partition(":  ")[2].strip() for line in again if " -m themis " in line and "real" not in line]
    answers = [done_as_typed(command, tmp_path) for command in commands]
    assert len(answers) == 3
    assert json.loads(answers[0])["cases"]
    assert answers[1].startswith("# Run Report\n")
    assert answers[2] == "mine\n"


def done_as_typed(command: str, folder: Path) -> str:
    """What a shell prints when a command is typed as it was shown."""
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=NO_KEYS, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def test_the_demo_asks_a_real_model_the_first_problems_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_command, "_work", lambda *_: None)
    monkeypatch.setattr(demo_command, "_show_scores", lambda *_: None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-demo-0123456789abcdef0123")
    done = done_here(tmp_path, ["demo", "--model", "openai/gpt-5.4-mini", "--path", "my demo"], capsys)
    assert done.code == 0, done.err
    assert "4 experiments into my demo/, one per model: openai/gpt-5.4-mini, and simulated ones" in done.out
    asked = yaml.safe_load((tmp_path / "my demo/asked.yaml").read_text())
    assert asked["generation"]["generator"] == {"use": "openai", "with": {"model_id": "gpt-5.4-mini"}}
    assert asked["datasets"][0]["slice"] == {"stop": ASKED_PROBLEMS}
    assert "themis cases 'my demo/sprout.yaml' --where 'math_equivalence<1'" in done.out
    assert "Ask a real model" not in done.out
    with ModelServer(default="So it is.\nA: 1") as server:
        here = ["--set", f"generation.generator.with.base_url={server.openai_url}", "-q"]
        run = json.loads(done_here(tmp_path, ["run", "my demo/asked.yaml", *here], capsys).out)
        assert (run["completed_cases"], len(server.questions)) == (ASKED_PROBLEMS, ASKED_PROBLEMS)


@pytest.mark.parametrize(("key", "is_offered"), [("sk-demo-0123456789abcdef0123", True), ("", False)])
def test_a_model_that_can_be_asked_is_offered_at_the_end(
    key: str, is_offered: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_command, "_work", lambda *_: None)
    monkeypatch.setattr(demo_command, "_show_scores", lambda *_: None)
    monkeypatch.setattr("themis.cli.begin.found_models.said_by", lambda *_: None)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    (tmp_path / "mine").mkdir()
    shown = done_here(tmp_path, ["demo"], capsys).out
    offer = (
        f"Ask a real model (OPENAI_API_KEY is set):  themis demo --path demo --model openai/{STARTS['openai'].model}\n"
    )
    assert (offer in shown) is is_offered
    assert "themis init --path mine-2\n" in shown, "a folder that is there is not offered"


def test_a_model_that_nobody_has_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = done_here(tmp_path, ["demo", "--model", "opnai/gpt-5.4"], capsys)
    assert (done.code, done.out) == (2, "")
    assert 'did you mean "openai/gpt-5.4"?' in done.err
    assert list(tmp_path.iterdir()) == []
