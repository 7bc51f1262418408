"""Rehearsal of a job: what Python prepares at the first uses of code, processes that are forked later have too.

It fills caches, and replaces instructions by specialized ones once a function has been called a few times. What a job
would write to in doing so is memory that it shares with the process that forked it, and each page of that is copied.
"""

from themis.core.config import EvaluationConfig, ExperimentConfig, GenerationConfig, StorageConfig
from themis.core.engine.compiling.compiled import compile_run
from themis.core.jobs.claimed_job import JobOptions, execute_job
from themis.core.models import Case, Dataset
from themis.core.queue.model.manifest_file import Limits, Manifest
from themis.core.queue.model.ordering import DEFAULT_PRIORITY
from themis.core.queue.model.states import AttemptOutcome
from themis.core.queue.model.store_address import StoreAddress
from themis.core.snapshot import RunProvenance, RunSnapshot
from themis.core.stores.memory.store import InMemoryRunStore

TIMES = 10
"""Jobs of a rehearsal: Python 3.11 specializes a function after eight calls, and a job calls many only once."""

_NAME = "rehearsal"


def rehearse() -> list[AttemptOutcome]:
    """Execute jobs of one case, with shipped components and a store in memory; returns their outcomes."""
    config = ExperimentConfig(
        generation=GenerationConfig(generator="builtin/demo_generator"),
        evaluation=EvaluationConfig(metrics=["builtin/exact_match"], parsers=["builtin/json_identity"]),
        storage=StorageConfig(store="memory"),
        datasets=[Dataset(dataset_id=_NAME, cases=[Case(case_id=_NAME, input="x", expected_output="x")])],
    )
    snapshot = compile_run(config, _nowhere()).snapshot
    manifest = Manifest(
        key=_NAME,
        run_id=snapshot.run_id,
        store=StoreAddress("memory", _NAME, _NAME),
        limits=Limits(),
        priority=DEFAULT_PRIORITY,
        submitted_ns=0,
        version="",
        # Nobody wants to hear of it, and threads that send traces must not be there when a process is forked.
        payload={"mode": "worker_pool", "runtime": {"tracing": False}},
    )
    return [_outcome(manifest, snapshot) for _ in range(TIMES)]


def _outcome(manifest: Manifest, snapshot: RunSnapshot) -> AttemptOutcome:
    store = InMemoryRunStore()
    store.create_run(snapshot)
    return execute_job(manifest, store, JobOptions())


def _nowhere() -> RunProvenance:
    return RunProvenance(
        themis_version="",
        python_version="",
        platform="",
        git_commit=None,
        dependency_versions={},
        provider_metadata={},
        environment_metadata={},
        storage={},
        runtime={},
    )
