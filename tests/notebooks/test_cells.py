"""What a cell of a notebook may do: call blocking functions, wait for asynchronous ones, and be interrupted."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.notebook

Execute = Callable[[str], list[Any]]

PARTS = """
import asyncio, os, signal, threading
import themis
from themis.core.models import GenerationResult, Score

ASKED = []

class Echo:
    component_id, version = "test/echo", "1"
    def fingerprint(self):
        return "1"
    async def generate(self, case, ctx):
        ASKED.append(case.case_id)
        await asyncio.sleep(0.05)
        return GenerationResult(candidate_id="c", final_output=case.input)

class OwnLoop:
    component_id, version = "test/own_loop", "1"
    def fingerprint(self):
        return "1"
    def score(self, parsed, case, ctx):
        return Score(metric_id=self.component_id, value=asyncio.run(self.one()))
    async def one(self):
        return 1.0

DATA = [{"input": str(number), "expected_output": str(number)} for number in range(8)]
ONE_BY_ONE = themis.RuntimeConfig(max_concurrent_tasks=1)
"""
INTERRUPTED = """
class Interrupting(Echo):
    async def generate(self, case, ctx):
        if len(ASKED) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return await super().generate(case, ctx)

try:
    themis.evaluate(Interrupting(), DATA, [], runtime=ONE_BY_ONE, progress=True)
except KeyboardInterrupt:
    print("interrupted", themis.evaluate(Echo(), DATA[:1], []).status.value)
"""


@pytest.fixture(scope="module")
def kernel(execute: Execute) -> Execute:
    """A kernel that has the parts."""
    assert execute(PARTS) == []
    return execute


@pytest.fixture
def run(kernel: Execute) -> Execute:
    """Execute the source of a cell, before which nothing was asked."""
    assert kernel("ASKED.clear()") == []
    return kernel


def printed(cell: list[Any]) -> str:
    assert [output["output_type"] for output in cell] == ["stream"], cell
    return str(cell[0]["text"]).strip()


def test_a_blocking_function_works_in_a_cell_with_components_that_begin_a_loop(run: Execute) -> None:
    cell = run("print(themis.evaluate(Echo(), DATA, OwnLoop()).metric_means)")
    assert printed(cell) == "{'test/own_loop': 1.0}"


def test_the_loop_of_the_cell_is_as_it_was_afterwards(run: Execute) -> None:
    later = "await asyncio.sleep(0)\nprint((await themis.evaluate_async(Echo(), DATA, OwnLoop())).status.value)"
    assert run("themis.evaluate(Echo(), DATA, []);") == []
    assert printed(run(later)) == "completed"


def test_an_experiment_and_its_replay_work_too(run: Execute) -> None:
    source = """
store = themis.InMemoryRunStore()
made = themis.Experiment(generation={"generator": Echo()}, evaluation={"metrics": ["builtin/exact_match"]},
    storage={"store": "memory"}, datasets=[themis.Dataset(dataset_id="d", cases=[{"case_id": "a", **DATA[0]}])])
print(made.run(store=store).status.value, made.replay("score", store=store).status.value, len(ASKED))
"""
    cell = run(source)
    assert printed(cell) == "completed completed 1"


@pytest.mark.parametrize("call", ["themis.evaluate(", "await themis.evaluate_async("])
def test_progress_is_one_output_however_often_it_changes(run: Execute, call: str) -> None:
    source = f"{call}Echo(), DATA, 'builtin/exact_match', runtime=ONE_BY_ONE, progress=True);"
    cell = run(source)
    (progress,) = cell
    assert progress["output_type"] == "display_data"
    assert progress["data"]["text/plain"].startswith("8 of 8 cases, 0 failed, in ")


def test_the_button_that_interrupts_ends_the_run_and_the_next_one_works(run: Execute) -> None:
    cell = run(INTERRUPTED)
    progress, text = cell
    assert progress["data"]["text/plain"].startswith("stopped at 2 of 8 cases, 0 failed, in ")
    assert text["text"].strip() == "interrupted completed"


def test_another_event_loop_in_the_kernel_is_not_blocked(run: Execute) -> None:
    source = """
def program():
    async def main():
        try:
            themis.evaluate(Echo(), DATA, [])
        except themis.core.errors.RunningLoopError as error:
            print(error)
    asyncio.run(main())

thread = threading.Thread(target=program)
thread.start()
thread.join()
"""
    cell = run(source)
    assert printed(cell).startswith("evaluate() cannot run inside a running event loop; await evaluate_async() instead")


def test_what_is_stored_is_not_asked_again_by_a_call_with_more_cases(run: Execute) -> None:
    source = """
store = themis.sqlite_store("s.sqlite3")
themis.evaluate(Echo(), DATA[:5], "builtin/exact_match", store=store)
before = len(ASKED)
themis.evaluate(Echo(), DATA, ["builtin/exact_match", "builtin/f1"], store=store)
print(before, len(ASKED))
"""
    cell = run(source)
    assert printed(cell) == "5 8"


def test_a_mistake_is_one_line_at_the_end_of_what_the_cell_shows(run: Execute) -> None:
    cell = run("themis.evaluate(Echo(), [{'question': 'x'}], 'builtin/exact_match')")
    (output,) = cell
    assert output["ename"] == "DatasetError"
    assert output["evalue"].startswith("dataset 'inline', case 1: unknown key 'question'")
