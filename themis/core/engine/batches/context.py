"""Context of a run's batches: the run, its store, the provider, and the times of its configuration."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from themis.core.config import RuntimeConfig
from themis.core.contexts import GenerateContext
from themis.core.engine.batch_endpoint import BatchEndpoint
from themis.core.engine.case_work import CaseWork
from themis.core.engine.cases.pipeline import Parts, generate_context
from themis.core.engine.cases.prompted import Prepare
from themis.core.engine.compiling.compiled import CompiledRun
from themis.core.engine.observers import Observers
from themis.core.engine.planning import done_cases, pending_work
from themis.core.engine.reuse import Lenders
from themis.core.engine.spending import BatchReservation, BatchSpend, Spending
from themis.core.engine.writer import OutcomeWriter
from themis.core.models import Case
from themis.core.outcomes.stages import Stage
from themis.core.stores.batch_rows import BatchRow, BatchState
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunStore
from themis.core.text.masking import mask_json
from themis.core.values.batch import BatchConfig

DOUBT_S = 60.0
"""Seconds after which a batch that is not in the provider's list was never submitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """Batching of one run.

    Attributes:
        run: the run.
        parts: its live components.
        store: where its batches and outcomes are kept.
        runtime: its settings.
        fence: the claim that it runs under, if its job was claimed from a queue.
        lenders: the runs whose outcomes are reused.
        observers: notified of the answers.
        endpoint: the provider's batches.
        prepare: renders a case by the run's templates, if it has any.
        spending: counts the tokens of the answers, if the generator names whom it asks.
    """

    run: CompiledRun
    parts: Parts
    store: RunStore
    runtime: RuntimeConfig
    observers: Observers
    endpoint: BatchEndpoint
    prepare: Prepare | None = None
    spending: Spending | None = None
    fence: Fence | None = None
    lenders: Lenders = Lenders.SAME_CODE

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.snapshot.run_id

    @property
    def candidates(self) -> int:
        """Candidates of each case."""
        return self.run.snapshot.candidate_count

    @property
    def total_lines(self) -> int:
        """Candidates of the whole run."""
        return self.run.snapshot.total_cases * self.candidates

    @property
    def times(self) -> BatchConfig:
        """The times of the looks; the default, if the batches were submitted and the setting is gone since."""
        return self.runtime.batch or BatchConfig()

    @property
    def doubt_ms(self) -> int:
        """Milliseconds for which it is open whether a batch was submitted, if its submission was not confirmed."""
        return int(min(DOUBT_S, self.times.poll) * 1000)

    def rows(self) -> list[BatchRow]:
        """Return the batches that have a part in the run, in order."""
        gone = {BatchState.CLOSED, BatchState.DROPPED}
        return [row for row in self.store.batches(self.run_id) if row.state not in gone]

    def save(self, row: BatchRow, spend: BatchSpend | None = None) -> BatchRow:
        """Store a batch, with what it has used or may use if that is given; synced on return."""
        with nullcontext() if spend is None else self.store.transaction():
            if spend is not None:
                text = mask_json(spend.whole_text())
                self.store.put_spend(self.run_id, spend.execution, text, fence=self.fence)
            self.store.save_batch(self.run_id, row, fence=self.fence)
        return row

    def close(self, row: BatchRow, *, is_certain: bool = True) -> BatchRow:
        """Store a batch of which nothing more comes, and give back what was reserved for it.

        Unless it `is_certain` what it has used: then that counts as used.
        """
        spending = self.spending
        return self.save(row, None if spending is None else spending.batches.close(row.nonce, is_certain=is_certain))

    def question(self, work: CaseWork, item: int) -> tuple[Case, GenerateContext]:
        """Return what the generator is given for a candidate.

        Raises:
            PromptError: a template cannot be rendered for the case.
        """
        case = work.case if self.prepare is None else self.prepare(work.case)
        return case, generate_context(self.parts, self.runtime.idle_timeout_s, work, item)

    def reservation(self, nonce: str) -> BatchReservation | None:
        """Return what a batch can use, while it is filled; None without a budget."""
        return None if self.spending is None else self.spending.batches.begin(nonce)

    def work(self, writer: OutcomeWriter, first: int) -> Iterator[list[CaseWork]]:
        """Yield the cases with work left, a page at a time, from about case number `first` on."""
        done = done_cases(self.run, self.store, Stage.GENERATE).within(first, None)
        return pending_work(self.run, self.store, writer, done, lenders=self.lenders)

    def writer(self, spend: BatchSpend | None = None) -> OutcomeWriter:
        """Return a writer of outcomes, and of what they cost."""
        return OutcomeWriter(self.store, self.run_id, self.fence, spend)


def now_ms() -> int:
    """Return the milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
