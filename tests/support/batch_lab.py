"""Experiments whose generations go through batches, and single attempts at them."""

import asyncio
from typing import Any

from tests.support.batch_provider import BatchModel, Endpoint, Remote, Steps
from tests.support.lab import cases, experiment
from themis.core.config import RuntimeConfig
from themis.core.engine.run import RunExecution
from themis.core.engine.run_options import RunOptions
from themis.core.experiment import Experiment
from themis.core.models import Dataset
from themis.core.stores import InMemoryRunStore
from themis.core.values.batch import BatchConfig

SOON = RuntimeConfig(batch=BatchConfig(after=0.001, poll=0.001))
LATER = RuntimeConfig(batch=BatchConfig(after=600, poll=300))


def lab_of(
    remote: Remote, count: int = 3, *, runtime: RuntimeConfig = SOON, like_openai: bool = True, **more: Any
) -> Experiment:
    model = BatchModel(Endpoint(remote, Steps(), like_openai=like_openai))
    return experiment(model, runtime=runtime, datasets=[Dataset(dataset_id="lab", cases=cases(count))], **more)


def attempt(lab: Experiment, store: InMemoryRunStore, *, runtime: RuntimeConfig | None = None) -> None:
    """One attempt of a job, which does not wait."""
    execution = RunExecution(lab.compiled(), store, runtime or lab.runtime, RunOptions(gives_back=True))
    asyncio.run(execution.execute())


def outputs(lab: Experiment, store: InMemoryRunStore) -> list[str]:
    found = lab.run(store=store)
    return [str(case.generated_candidates[0].final_output).partition("/")[0] for case in found.cases]
