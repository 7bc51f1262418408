"""A run of large answers on a store that is slow, as a process of its own: prints its peak memory in MB.

python -m tests.support.large_answers COUNT
"""

import json
import resource
import sys
import time
from collections.abc import Sequence

from tests.support.lab import dataset
from themis.core.config import EvaluationConfig, GenerationConfig, RuntimeConfig, StorageConfig
from themis.core.contexts import GenerateContext
from themis.core.experiment import Experiment
from themis.core.models import Case, GenerationResult
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.stores import InMemoryRunStore
from themis.core.stores.job_rows import Fence

MEGABYTE = 1024 * 1024
SLOW_S = 0.004
"""Seconds that the store takes for each megabyte; an answer is there sooner."""


class Talkative:
    """A model whose every answer is a megabyte long."""

    component_id, version = "tests/talkative", "1"

    def fingerprint(self) -> str:
        return "1"

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        del ctx
        return GenerationResult(candidate_id=case.case_id, final_output=case.case_id.ljust(MEGABYTE, "."))


class SlowStore(InMemoryRunStore):
    """A store that takes its time, and keeps no texts."""

    written = 0

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        size = sum(len(one.output or "") + len(one.body) for one in outcomes)
        time.sleep(SLOW_S * size / MEGABYTE)
        self.written += size
        kept = [one._replace(output="null") for one in outcomes]
        super().append(run_id, kept, ends, fence=fence)


def peak_mb() -> float:
    """The peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(count: int) -> None:
    """Run `count` cases, and print what it took."""
    experiment = Experiment(
        generation=GenerationConfig(generator=Talkative()),
        evaluation=EvaluationConfig(parsers=["builtin/text"]),
        storage=StorageConfig(store="memory"),
        runtime=RuntimeConfig(max_concurrent_tasks=16),
        datasets=[dataset(count)],
    )
    store = SlowStore()
    before_mb = peak_mb()
    result = experiment.run(store=store)
    found = {"status": result.status.value, "written_mb": store.written / MEGABYTE}
    print(json.dumps({**found, "before_mb": before_mb, "peak_mb": peak_mb()}))  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]))
