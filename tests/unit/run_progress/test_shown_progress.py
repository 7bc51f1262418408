"""Progress that a run shows by itself."""

import asyncio
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, cases, experiment
from tests.support.waiting import until
from themis.core.config import RuntimeConfig
from themis.core.engine.run_options import RunProgress
from themis.core.errors import ConfigError
from themis.core.evaluate import evaluate
from themis.core.experiment import Experiment
from themis.core.run_progress import cell_view, display, stream_views
from themis.core.run_progress.words import ended
from themis.core.stores import InMemoryRunStore
from themis.core.submission import run_batch_request, run_worker_once, submit_experiment

SLOW_S = 0.05


class Notebook:
    """The outputs of a cell, and of each all that it showed, in order."""

    def __init__(self) -> None:
        self.outputs: list[list[dict[str, str]]] = []

    def display(self, forms: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        output = [forms]
        self.outputs.append(output)
        return SimpleNamespace(update=lambda changed, raw: output.append(changed))

    @property
    def texts(self) -> list[str]:
        (output,) = self.outputs
        return [forms["text/plain"] for forms in output]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    cell = Notebook()
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, __path__=[]))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=cell.display))
    monkeypatch.setattr(cell_view, "CELL_EVERY_S", 0.005)
    return cell


class SlowGenerator(ScriptedGenerator):
    async def generate(self, case: Any, ctx: Any) -> Any:
        await asyncio.sleep(SLOW_S)
        return await super().generate(case, ctx)


def slow_run(**more: Any) -> Any:
    runtime = RuntimeConfig(max_concurrent_tasks=1)
    return evaluate(SlowGenerator(), cases(4), "builtin/exact_match", runtime=runtime, **more)


def test_a_cell_has_one_output_which_changes_until_the_end(notebook: Notebook) -> None:
    slow_run(progress=True)
    first, *between, last = notebook.texts
    assert first == "preparing the run"
    assert any(text.startswith("2 of 4 cases, 0 failed, ") for text in between)
    assert last.startswith("4 of 4 cases, 0 failed, in ")
    assert notebook.outputs[0][-1]["text/html"].startswith('<progress value="4" max="4"></progress> 4 of 4 cases')
    assert len(set(notebook.texts)) == len(notebook.texts), "nothing is said twice"


def test_a_cell_says_that_nothing_was_run_where_the_run_is_stored(notebook: Notebook) -> None:
    made, store = experiment(), InMemoryRunStore()
    made.run(store=store)
    made.run(store=store, progress=True)
    assert notebook.texts == ["preparing the run", "the run is stored already: nothing was run"]


def test_a_cell_says_where_a_run_was_stopped(notebook: Notebook) -> None:
    with pytest.raises(ConfigError):
        evaluate("builtin/demo_generator", cases(2), "builtin/exact_match", samples=2, seeds=[1], progress=True)
    assert notebook.texts == ["preparing the run", "stopped before the first case"]


def test_a_run_that_fails_on_its_way_says_how_far_it_came(notebook: Notebook) -> None:
    def fail() -> None:
        with display.shown(True) as progress:
            progress.total, progress.done = 4, 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert notebook.texts[-1].startswith("stopped at 3 of 4 cases, 0 failed, in ")


def test_what_a_provider_says_is_escaped_in_a_cell(notebook: Notebook) -> None:
    with display.shown(True) as progress:
        progress.waits_for, progress.total = "waits for <script>", 4
        until(lambda: len(notebook.texts) > 1, "the cell to show what it waits for")
    forms = notebook.outputs[0][1]
    assert forms["text/plain"] == "waits for <script>"
    assert forms["text/html"] == '<progress value="0" max="4"></progress> waits for &lt;script&gt;'


def test_elsewhere_a_line_on_standard_error_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stream_views, "LINE_EVERY_S", 0.01)
    slow_run(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "themis: 2 of 4 cases, 0 failed, " in err


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(stream_views, "BAR_EVERY_S", 0.01)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    slow_run(progress=True)
    assert "4/4" in capsys.readouterr().err


@pytest.mark.parametrize("silent", [None, False])
def test_nothing_is_shown_where_nobody_asked(silent: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    slow_run(progress=silent)
    assert capsys.readouterr() == ("", "")


def test_an_object_is_kept_up_to_date_and_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    own = RunProgress()
    slow_run(progress=own)
    assert (own.total, own.done, own.failed) == (4, 4, 0)
    assert capsys.readouterr() == ("", "")


def test_a_replay_shows_its_progress_too(notebook: Notebook) -> None:
    made, store = experiment(), InMemoryRunStore()
    made.run(store=store)
    made.replay("score", store=store, progress=True)
    assert notebook.texts[-1].startswith("3 of 3 cases, 0 failed, in ")


@pytest.mark.parametrize("mode", ["worker_pool", "batch"])
def test_a_job_shows_its_progress_too(notebook: Notebook, tmp_path: Path, mode: Any) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(
        "generation: {generator: builtin/demo_generator}\n"
        "evaluation: {metrics: [builtin/exact_match]}\n"
        "storage: {store: sqlite}\n"
        "datasets: [{dataset_id: d, cases: [{case_id: a, input: x, expected_output: x}]}]\n"
    )
    submitted = submit_experiment(Experiment.from_config(config), config_path=str(config), mode=mode)
    if mode == "batch":
        run_batch_request(submitted.manifest_path, progress=True)
    else:
        run_worker_once(tmp_path / "runs" / "queue", progress=True)
    assert notebook.texts[-1].startswith("1 of 1 cases, 0 failed, in ")


def test_no_job_is_no_output(notebook: Notebook, tmp_path: Path) -> None:
    assert run_worker_once(tmp_path, progress=True) is None
    assert notebook.outputs == []


def test_the_end_says_how_long_it_took_and_what_was_there_before() -> None:
    state = RunProgress(total=10, done=10, failed=1, resumed=4)
    assert ended(state, 75.0) == "10 of 10 cases, 1 failed, in 1 min 15 s, 4 were done before"


def test_the_thread_that_shows_ends_with_the_run() -> None:
    before = threading.active_count()
    slow_run(progress=True)
    time.sleep(0.01)
    assert threading.active_count() <= before
