"""A real model, asked through a worker that is killed twice: nothing is lost, and nothing is asked again."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.support import real_model as server
from tests.support.counting_proxy import CountingProxy, counting_proxy
from tests.support.waiting import until
from themis import Experiment
from themis.core.inspection import get_execution_state
from themis.core.models import GenerationResult
from themis.core.reports import Reporter
from themis.core.results import CaseResult, RunResult
from themis.core.stores import RunStore, projections

pytestmark = [pytest.mark.real_model, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[2]
GSM8K = REPOSITORY.parent / "shared" / "data" / "gsm8k_solutions.jsonl"
QUESTIONS, FEW_QUESTIONS = 200, 24
MOST_TOKENS = 64
SLOTS = 8
PATIENCE_S = 3_600.0


def problems(count: int) -> list[dict[str, str]]:
    """GSM8K's problems where they are; else ones of the same kind that are made up here."""
    if GSM8K.is_file():
        with GSM8K.open(encoding="utf-8") as file:
            lines = [json.loads(line) for line, _ in zip(file, range(count), strict=False)]
        return [
            {"case_id": one["case_id"], "input": one["question"], "expected_output": one["answer"]} for one in lines
        ]
    return made_up(count)


def made_up(count: int) -> list[dict[str, str]]:
    chance = random.Random(8)
    found: dict[str, int] = {}
    while len(found) < count:
        name = chance.choice(["Ada", "Grace", "Emmy", "Sofia", "Katherine", "Mary", "Rosalind", "Lise"])
        thing = chance.choice(["apples", "stamps", "marbles", "books", "shells", "coins"])
        had, boxes, each, gave = (chance.randint(2, 40) for _ in range(4))
        left = had + boxes * each - gave
        if left > 0:
            text = (
                f"{name} has {had} {thing}. She buys {boxes} boxes with {each} {thing} each, and gives {gave} {thing}"
                f" to a friend. How many {thing} does {name} have now?"
            )
            found[text] = left
    return [
        {"case_id": f"made-up-{number:04}", "input": text, "expected_output": str(left)}
        for number, (text, left) in enumerate(found.items())
    ]


def write_experiment(folder: Path, base_url: str, count: int) -> Path:
    lines = [json.dumps(problem, ensure_ascii=False) + "\n" for problem in problems(count)]
    (folder / "problems.jsonl").write_text("".join(lines), encoding="utf-8")
    document = {
        "generation": {
            "generator": {
                "use": "openai",
                "with": {"model_id": server.MODEL, "base_url": base_url, "params": {"max_tokens": MOST_TOKENS}},
            }
        },
        "evaluation": {"parsers": ["builtin/math_answer"], "metrics": ["builtin/math_equivalence"]},
        "storage": {"store": "sqlite"},
        "runtime": {"max_concurrent_tasks": SLOTS},
        "datasets": [{"dataset_id": "problems", "path": "problems.jsonl"}],
    }
    path = folder / "problems.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@dataclass
class Lab:
    """A queue with one experiment, and the proxy that its requests pass through.

    Attributes:
        committed: the cases that were stored when a worker was killed, each with its requests until then; an entry
            for each kill.
    """

    config: Path
    proxy: CountingProxy
    committed: list[dict[str, int]] = field(default_factory=list)

    @property
    def experiment(self) -> Experiment:
        return Experiment.from_config(self.config)

    @contextmanager
    def store(self) -> Iterator[RunStore]:
        with closing(self.experiment.open_store(must_exist=True)) as store:
            yield store

    def answered(self, store: RunStore, run_id: str) -> list[str]:
        """The cases whose answers are stored."""
        states = get_execution_state(store, run_id).case_states.values()
        return [state.case_id for state in states if state.generated_candidates]

    @contextmanager
    def worker(self, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
        command = [sys.executable, "-m", "themis", "worker", "start", "--config", str(self.config), *options]
        environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'workers'}"}
        log = (self.config.parent / "worker.log").open("ab")
        with log, subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process:
            try:
                yield process
            finally:
                process.kill()

    def kill_at(self, count: int, run_id: str, asked_by: dict[str, str]) -> None:
        """Run a worker until so many answers are stored, and kill it and all that it started."""
        with self.store() as store, self.worker() as worker:
            until(
                lambda: worker.poll() is not None or len(self.answered(store, run_id)) >= count,
                f"{count} answers",
                PATIENCE_S,
                every_s=0.5,
            )
            assert worker.poll() is None, (self.config.parent / "worker.log").read_text(encoding="utf-8")
            children = psutil.Process(worker.pid).children(recursive=True)
            worker.send_signal(signal.SIGKILL)
            for child in children:
                with suppress(psutil.NoSuchProcess):  # it ends with the worker
                    child.kill()
            psutil.wait_procs(children, timeout=30)
            worker.wait(30)
            stored = self.answered(store, run_id)
            self.committed.append({case_id: len(self.proxy.asked(asked_by[case_id])) for case_id in stored})


@pytest.fixture
def lab(tmp_path: Path, short: bool) -> Iterator[Lab]:
    if reason := server.missing():
        pytest.skip(reason)
    with server.real_model(slots=SLOTS) as base_url, counting_proxy(base_url) as proxy:
        yield Lab(write_experiment(tmp_path, proxy.base_url, FEW_QUESTIONS if short else QUESTIONS), proxy)


def candidate_of(case: CaseResult) -> GenerationResult:
    (found,) = case.generated_candidates
    return found


def test_a_worker_that_is_killed_twice_asks_each_committed_case_of_a_real_model_once(
    lab: Lab, themis: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = {one["case_id"]: one["input"] for one in problems(QUESTIONS)}
    run_id = themis("submit", "--config", lab.config).document["run_id"]
    count = lab.experiment.compile().total_cases
    for share in (1 / 3, 2 / 3):
        lab.kill_at(int(count * share), run_id, cases)
    with lab.worker("--drain") as worker:
        assert worker.wait(PATIENCE_S) == 0
    with lab.store() as store:
        result = projections.run_result(store, run_id)
        report = json.loads(Reporter(store).export_json(run_id))
    assert (result.status.value, result.progress.completed_cases) == ("completed", count)
    nothing_committed_was_asked_again(lab, cases)
    what_came_back_is_stored(lab, result, cases)
    what_was_cut_off_is_counted(result, report)
    with capsys.disabled():
        tell(lab, result)


def nothing_committed_was_asked_again(lab: Lab, cases: dict[str, str]) -> None:
    """What was stored when a worker was killed is asked no more, and nothing is asked again but what a kill hit."""
    first, second = lab.committed
    assert 0 < len(first) < len(second)
    for committed in lab.committed:
        for case_id, asked in committed.items():
            assert len(lab.proxy.asked(cases[case_id])) == asked, f"{case_id} was stored, and asked again"
    for case_id in first:
        assert len(lab.proxy.asked(cases[case_id])) == 1, case_id
    asked_again = len(lab.proxy.passed) - len({one.question for one in lab.proxy.passed})
    assert asked_again <= 2 * SLOTS, "a kill costs no more than the calls in flight"


def what_came_back_is_stored(lab: Lab, result: RunResult, cases: dict[str, str]) -> None:
    """Each stored answer is the server's last reply, with its tokens and how it ended."""
    for case in result.cases:
        stored, last = candidate_of(case), lab.proxy.asked(cases[case.case_id])[-1]
        assert last.body["max_tokens"] == MOST_TOKENS
        assert last.reply is not None
        assert stored.final_output == last.reply["choices"][0]["message"]["content"]
        assert stored.finish_reason == last.reply["choices"][0]["finish_reason"]
        assert stored.finish_reason in {"stop", "length"}
        assert stored.served_model == last.reply["model"]
        assert stored.token_usage is not None
        for kind in ("prompt_tokens", "completion_tokens"):
            assert stored.token_usage[kind] == last.reply["usage"][kind]
        assert 0 < stored.token_usage["completion_tokens"] <= MOST_TOKENS
        assert stored.latency_ms is not None


def what_was_cut_off_is_counted(result: RunResult, report: dict[str, Any]) -> None:
    cut_off = sum(candidate_of(case).finish_reason == "length" for case in result.cases)
    (metric,) = result.metrics.values()
    assert metric.answer_ends.get("truncated", 0) == cut_off
    assert cut_off > 0, "a model of this size goes on and on"
    counts = report["benchmark_result"]["metrics"]["builtin/math_equivalence"]
    assert counts["scored"] + counts["unscored"] == len(result.cases)


def tell(lab: Lab, result: RunResult) -> None:
    """Print what was seen."""
    ends = Counter(candidate_of(case).finish_reason for case in result.cases)
    tokens = sum((candidate_of(case).token_usage or {})["completion_tokens"] for case in result.cases)
    (metric,) = result.metrics.values()
    stored = " and ".join(str(len(committed)) for committed in lab.committed)
    print(  # noqa: T201  # evidence
        f"\n  {len(result.cases)} questions, {len(lab.proxy.passed)} requests; killed with {stored} answers stored;"
        f" ended by {dict(ends)}; {tokens:,} tokens; mean {metric.mean}"
    )
