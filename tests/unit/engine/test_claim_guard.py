"""A run whose claim is uncertain begins no case and no call until its worker is certain again."""

import asyncio

import pytest

from tests.support.lab import dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.engine.cases import claim_guard
from themis.core.engine.run import RunExecution
from themis.core.engine.run_options import RunOptions
from themis.core.models import Case, GenerationResult
from themis.core.results import RunStatus
from themis.core.stores import InMemoryRunStore


class Counting:
    """A generator that can take the lease away while it is called."""

    component_id = "lab/counting"
    version = "1"

    def __init__(self, provider: str | None, fails: int = 0) -> None:
        self.provider_key = provider
        self.calls: list[str] = []
        self.holds = True
        self._fails = fails

    def fingerprint(self) -> str:
        return "1"

    async def generate(self, case: Case, ctx: object) -> GenerationResult:
        self.calls.append(case.case_id)
        self.holds = False
        if self._fails:
            self._fails -= 1
            raise ConnectionError
        return GenerationResult(candidate_id=case.case_id, final_output="x")


@pytest.mark.parametrize("provider", [None, "there"])
@pytest.mark.parametrize("fails", [0, 1])
def test_a_run_begins_no_call_while_the_lease_is_over_and_goes_on_after_its_renewal(
    provider: str | None, fails: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the next case, nor the next try of the one whose call was under way."""
    monkeypatch.setattr(claim_guard, "PAUSE_S", 0.01)
    generator = Counting(provider, fails)
    runtime = RuntimeConfig(max_concurrent_tasks=1, generation_retry_attempts=2, generation_retry_delay=0.0)
    made = experiment(generator=generator, datasets=[dataset(2)], runtime=runtime)

    async def carry_out() -> tuple[list[int], RunStatus]:
        options = RunOptions(holds_lease=lambda: generator.holds)
        run = asyncio.create_task(RunExecution(made.compiled(), InMemoryRunStore(), runtime, options).execute())
        seen = []
        for _ in range(2 + fails):
            while generator.holds:  # noqa: ASYNC110  # a call takes it away
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.1)
            seen.append(len(generator.calls))
            generator.holds = True
        record = await run
        return seen, record.status

    seen, status = asyncio.run(asyncio.wait_for(carry_out(), 20))
    assert seen == list(range(1, 3 + fails))
    assert status is RunStatus.COMPLETED
