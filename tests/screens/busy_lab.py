"""A folder with all that a table can have: runs that ended in each way, wait, run, and were tried again."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.screens.pseudo_terminal import written
from tests.support.model_module import model_module
from themis.core.queue.folder.worker_registry import workers_of

MODULE = "models_of_the_screens"
WORKER = "anna"
BASELINE, CANDIDATE = "baseline-of-the-week", "gpt-5.4-mini-on-word-problems,temperature=0.7"
CASES = 6
_PATIENCE_S = 60.0

# What a case is answered with is said by its model, which stands in for a real one.
_MODEL = model_module(r"""
    import random
    while self.holds and (HERE / "hold").exists():
        await asyncio.sleep(0.05)
    if self.needs and not (HERE / self.needs).exists():
        raise ConnectionError(f"no answer from the licence server, which has the {self.needs} of each question")
    if case.case_id in self.fails:
        raise LookupError(f"the endpoint at http://models.internal:8080/v1/chat knows nothing of {case.case_id}")
    good = random.Random(f"{self.seed} {case.case_id}").random() < self.skill
    answer = case.expected_output if good else f"perhaps {case.case_id}, perhaps not"
    return GenerationResult(candidate_id=case.case_id, final_output=answer)
""")
_MORE = '''

class Named(Model):
    """A model with a skill, that fails where it is told to."""

    def __init__(self, seed: int = 0, skill: float = 0.8, fails: tuple = (), holds: bool = False, needs: str = ""):
        self.seed, self.skill, self.fails, self.holds, self.needs = seed, skill, tuple(fails), holds, needs

    def fingerprint(self):
        return f"{self.seed} {self.skill} {self.fails}"


class Brevity:
    component_id = "lab/answers_in_one_short_sentence"
    version = "1"

    def fingerprint(self):
        return "1"

    def score(self, parsed, case, ctx):
        from themis.core.models import Score
        return Score(metric_id=self.component_id, value=1.0 / len(str(parsed.value)))
'''
_METRICS = ("builtin/exact_match", "builtin/f1", "builtin/edit_distance", f"{MODULE}:Brevity")


def _config(name: str, *, runtime: dict[str, Any] | None = None, **model: Any) -> Any:
    cases = [
        {"case_id": f"question-{no}", "input": f"How many are {no} and {no}?", "expected_output": f"{no + no} of them"}
        for no in range(CASES)
    ]
    return {
        "name": name,
        "generation": {"generator": {"use": f"{MODULE}:Named", "with": model}},
        "evaluation": {"parsers": ["builtin/text"], "metrics": list(_METRICS)},
        "storage": {"store": "sqlite"},
        "datasets": [{"dataset_id": "word-problems", "cases": cases}],
        "runtime": {"generation_retry_attempts": 1, **(runtime or {})},
    }


class BusyLab:
    """The folder, and what is done in it."""

    def __init__(self, folder: Path) -> None:
        """In `folder`, which must be empty."""
        self.folder = folder

    def do(self, *words: str) -> str:
        """Do a command, as somebody at a wide terminal; returns what it wrote."""
        return written(words, self.folder, 200)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Fill the folder; a worker is at work in it during the block."""
        (self.folder / f"{MODULE}.py").write_text(_MODEL + _MORE, encoding="utf-8")
        (self.folder / "hold").touch()
        self._run_some()
        self._let_some_end()
        self._leave_some_for_later()
        with self._worker():
            yield

    def _write(self, file: str, document: Any) -> str:
        (self.folder / file).write_text(yaml.safe_dump(document), encoding="utf-8")
        return file

    def _submit(self, file: str, document: Any, *more: str) -> None:
        self.do("submit", "--config", self._write(file, document), *more)

    def _run_some(self) -> None:
        self.do("run", "--config", self._write("baseline.yaml", _config(BASELINE, skill=0.3)), "--label", "team=search")
        labels = ("--label", "team=search", "--label", "purpose=release-candidate")
        self.do("run", "--config", self._write("candidate.yaml", _config(CANDIDATE, skill=0.9)), *labels)
        short = _config("only-generated", skill=0.5)
        self.do("run", "--config", self._write("generated.yaml", short), "--until-stage", "generate")

    def _let_some_end(self) -> None:
        some = _config("two-cases-fail", fails=["question-1", "question-4"])
        all_fail = _config("licence-server-is-down", needs="licence", runtime={"max_attempts": 1})
        self._submit("partial.yaml", some)
        self._submit("down.yaml", all_fail)
        self._submit("again.yaml", _config("tried-again", needs="permit", seed=3))
        self._submit("waits.yaml", _config("waits-for-the-licence-server", needs="licence", seed=4))
        for _ in range(4):
            self.do("worker", "run", "--quiet")
        (self.folder / "permit").touch()
        self.do("queue", "set", "name:tried-again", "--not-before", "now")
        self.do("worker", "run", "--quiet")

    def _leave_some_for_later(self) -> None:
        self._submit("slow.yaml", _config("slow-model", holds=True, seed=5), "--priority", "0")
        self._submit("next.yaml", _config("next-in-line,seeds=1,prompt=4f1c", seed=6), "--priority", "2")
        self._submit("later.yaml", _config("after-midnight", seed=7), "--not-before", "9h")
        self._submit("unwanted.yaml", _config("not-wanted-any-more", seed=8))
        self.do("queue", "cancel", "name:not-wanted-any-more")

    @contextmanager
    def _worker(self) -> Iterator[None]:
        """A worker that runs the slow job, until the end of the block."""
        command = [sys.executable, "-m", "themis", "worker", "--name", WORKER]
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
            try:
                self._until_it_runs()
                yield
            finally:
                (self.folder / "hold").unlink()
                worker.terminate()
                worker.wait(_PATIENCE_S)

    def _until_it_runs(self) -> None:
        patient_until = time.monotonic() + _PATIENCE_S
        while not any(
            slot.key and slot.total for one in workers_of(self.folder / "runs/queue") for slot in one.report.slots
        ):
            if time.monotonic() > patient_until:
                message = "the worker of the screens has taken no job"
                raise TimeoutError(message)
            time.sleep(0.05)
