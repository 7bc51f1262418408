"""Mistakes in Python."""

import asyncio
import os
from typing import Any

import pytest

from tests.acceptance.mistakes.lab import Lab, in_python
from tests.acceptance.mistakes.table import Mistake
from tests.support.command_here import Done
from themis import evaluate
from themis.core.experiment import Experiment
from themis.core.submission import submit_experiment

DATA = [{"input": "1 + 1", "expected_output": "2"}]


def submitted_in_python(lab: Lab) -> Done:
    os.chdir(lab.folder)
    mode: Any = "worker-pool"
    return in_python(lambda: submit_experiment(Experiment.from_config("base.yaml"), mode=mode).mode)


def in_a_loop(lab: Lab) -> Done:
    async def notebook() -> Any:
        return evaluate(model="builtin/demo_generator", data=DATA, metric="builtin/exact_match")

    return in_python(lambda: asyncio.run(notebook()).status)


def positional(lab: Lab) -> Done:
    call: Any = evaluate
    return in_python(lambda: call("builtin/demo_generator", DATA, "builtin/exact_match").status)


def frame(lab: Lab) -> Done:
    pandas = pytest.importorskip("pandas")
    data: Any = pandas.DataFrame(DATA)
    return in_python(lambda: evaluate(model="builtin/demo_generator", data=data, metric="builtin/exact_match").status)


MISTAKES = [
    Mistake(
        "42",
        "worker-pool in Python",
        "works",
        submitted_in_python,
        0,
        ("worker_pool",),
    ),
    Mistake("78", "evaluate() in a notebook", "A", in_a_loop, 1, ("evaluate()", "await evaluate_async()")),
    Mistake(
        "79",
        "evaluate() with positional arguments",
        "works",
        positional,
        0,
        ("completed",),
    ),
    Mistake("80", "a DataFrame as data", "works", frame, 0, ("completed",)),
]
