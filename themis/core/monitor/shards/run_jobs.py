"""Jobs of a run as they are now: one, or one for each shard, and all of them as one."""

from dataclasses import dataclass
from typing import Any

from themis.core.stores.job_rows import JobRow, job_key
from themis.core.stores.reading import StoreReader
from themis.core.stores.shards.rows import ShardRow
from themis.core.stores.shards.together import shards_jobs, together


@dataclass(frozen=True, slots=True)
class ShardNow:
    """A shard of a run and its job.

    Attributes:
        shard: the shard.
        job: None for one that its submission has not come to.
    """

    shard: ShardRow
    job: JobRow | None

    @property
    def state(self) -> str:
        """State of its job in one word."""
        return "missing" if self.job is None else self.job.state

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        shard, job = self.shard, self.job
        return {
            "shard": shard.number,
            "key": shard.key,
            "state": self.state,
            "cases": [shard.first, shard.stop],
            "finished": bool(shard.finished),
            "failed_cases": shard.failed if shard.finished else None,
            "attempt": job.attempt if job else None,
            "worker": job.owner.worker if job and job.owner else None,
            "error": job.message or None if job and job.state in {"failed", "cancelled"} else None,
        }


@dataclass(frozen=True, slots=True)
class RunJobs:
    """Jobs of a run.

    Attributes:
        job: the job, or those of all shards as one; None for a run that is in no queue.
        shards: in order; none for a run in one job.
    """

    job: JobRow | None
    shards: tuple[ShardNow, ...] = ()

    @property
    def rows(self) -> list[JobRow]:
        """The rows of the jobs, each for itself."""
        if not self.shards:
            return [] if self.job is None else [self.job]
        return [shard.job for shard in self.shards if shard.job is not None]


def jobs_of_run(reader: StoreReader, run_id: str, store_id: str | None) -> RunJobs:
    """Return the jobs of a run in a store with an id; None for one that no queue has used."""
    if store_id is None:
        return RunJobs(None)
    shards = reader.shards(run_id)
    if not shards:
        return RunJobs(reader.job(job_key(run_id, store_id)))
    found = shards_jobs(shards, lambda prefix, most: [pair.job for pair in reader.jobs_beginning(prefix, most)])
    return RunJobs(together(list(found.values())), tuple(ShardNow(shard, found.get(shard.key)) for shard in shards))
