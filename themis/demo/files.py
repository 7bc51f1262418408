"""Files of the demo: the problems, and one experiment for each simulated model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.demo.problems import Problem, make_problems

PROBLEMS_FILE = "data/problems.jsonl"

_CONFIG = """\
# {name}: {remark}
# Run it with    themis run {name}.yaml
# or queue it:   themis submit {name}.yaml

generation:
{generation}
evaluation:
  parsers:
    - builtin/math_answer       # what follows "A:" in the solution
  metrics:
    - builtin/math_equivalence  # 1 when that is the right number, else 0

datasets:
  - dataset_id: word-problems
    path: {problems_file}
    fields:                     # where in a line of the file each part of a case is
      case_id: case_id
      input: question
      expected_output: answer
      metadata: about
{selection}
storage:
  store: sqlite
  parameters:
    path: runs/themis.sqlite3

runtime:
  queue_root: runs/queue
"""

_SIMULATED = """\
  generator:
    use: themis.demo.simulated_model:SimulatedModel
    with:
      name: {name}
      seed: {seed}
      skill: {skill:<6}          # from 0 to 1
      latency_ms: {latency_ms:<6}     # how long an answer takes, on average
      failure_rate: {failure_rate:<6}   # share of the cases whose first try times out and is repeated
"""

_ASKED = """\
  generator: {generator}
  prompt_spec:
    instructions: 'Solve the problem. End with a line "A: " and the number alone.'
"""

ASKED_NAME = "asked"
"""Name of the experiment that asks a real model."""

ASKED_PROBLEMS = 20
"""Problems that it is asked: enough to see it work, few enough to pay for or to wait for."""


@dataclass(frozen=True, slots=True)
class DemoModel:
    """A simulated model of the demo."""

    name: str
    remark: str
    skill: float
    latency_ms: int


MODELS = (
    DemoModel("sage", "a simulated model that is slow and seldom errs", 0.95, 40),
    DemoModel("scout", "a simulated model that is quick and errs on long problems", 0.8, 20),
    DemoModel("sprout", "a simulated model that is very quick and often errs", 0.4, 10),
)
_FAILURE_RATE = 0.02


def write_demo(
    folder: Path, *, problems: int = 300, seed: int = 7, asked: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write the problems to `data/problems.jsonl` in `folder`, and a config file for each simulated model beside them.

    Args:
        folder: created when it does not exist; files of the same names in it are replaced.
        problems: number of problems.
        seed: the same seed gives the same files.
        asked: the generator of a real model, which is asked the first `ASKED_PROBLEMS`; None for none.

    Returns:
        The config files: that of the real model, then those of the simulated ones, the most skilled first.

    Raises:
        OSError: the folder cannot be written.
    """
    data = folder / PROBLEMS_FILE
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text("".join(f"{_line(problem)}\n" for problem in make_problems(problems, seed)), encoding="utf-8")
    simulated = [_write_config(folder, model, seed) for model in MODELS]
    return simulated if asked is None else [_write_asking(folder, asked), *simulated]


def _line(problem: Problem) -> str:
    about = {"topic": problem.topic, "steps": str(problem.steps), "working": "\n".join(problem.working)}
    line = {"case_id": problem.case_id, "question": problem.question, "answer": problem.answer, "about": about}
    return json.dumps(line, ensure_ascii=False)


def _write_config(folder: Path, model: DemoModel, seed: int) -> Path:
    generation = _SIMULATED.format(
        name=model.name,
        skill=model.skill,
        latency_ms=model.latency_ms,
        seed=seed,
        failure_rate=_FAILURE_RATE,
    )
    return _written(folder, model.name, model.remark, generation=generation, selection="")


def _write_asking(folder: Path, generator: Mapping[str, Any]) -> Path:
    # JSON is YAML, and quotes whatever a model's name has in it.
    generation = _ASKED.format(generator=json.dumps(generator, ensure_ascii=False))
    remark = f"a real model, asked the first {ASKED_PROBLEMS} problems"
    selection = f"    slice: {{stop: {ASKED_PROBLEMS}}}\n"
    return _written(folder, ASKED_NAME, remark, generation=generation, selection=selection)


def _written(folder: Path, name: str, remark: str, *, generation: str, selection: str) -> Path:
    file = folder / f"{name}.yaml"
    text = _CONFIG.format(
        name=name, remark=remark, generation=generation, selection=selection, problems_file=PROBLEMS_FILE
    )
    file.write_text(text, encoding="utf-8")
    return file
